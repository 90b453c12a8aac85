/** Does `work` later and returns how to call that off. */
export type Later = (work: () => void, seconds: number) => () => void;

/** By a timer that keeps no process alive. */
export const afterSeconds: Later = (work, seconds) => {
  const timer = setTimeout(work, seconds * 1000).unref();
  return () => clearTimeout(timer);
};
