/** Threads that simulate side by side. What they find depends on the seeds alone, not on how the work was shared out. */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { added, type Job, NOTHING, type Summary } from "./job.ts";

/** A thread is slow until it has compiled what it does often, so it gets many; but not so many that the last one is waited for. */
const WORLDS_PER_THREAD = 1000;

/** Does a job in threads of its own, as many at once as there are cores. */
export async function simulate(job: Job): Promise<Summary> {
  return simulateAll(portions(job));
}

/** The same for several at once. */
export async function simulateAll(jobs: readonly Job[]): Promise<Summary> {
  const results = await inThreads(jobs);
  return results.reduce(added, NOTHING);
}

/** The results in the order of the jobs. */
export function inThreads(jobs: readonly Job[]): Promise<Summary[]> {
  return eachInThread("./world-worker.ts", jobs);
}

/** Does each job in a thread of its own that runs `file`. */
export async function eachInThread<Given, Result>(
  file: `./${string}-worker.ts`,
  jobs: readonly Given[],
): Promise<Result[]> {
  const results: Result[] = [];
  let next = 0;
  async function worker(): Promise<void> {
    for (;;) {
      const mine = next;
      const job = jobs[mine];
      if (job === undefined) return;
      next++;
      results[mine] = await inThread(file, job);
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return results;
}

/** In portions that keep all threads busy to the end. */
export function portions(job: Job): Job[] {
  const size = Math.min(WORLDS_PER_THREAD, Math.ceil(job.worlds / availableParallelism()));
  const jobs: Job[] = [];
  for (let done = 0; done < job.worlds; done += size)
    jobs.push({ ...job, firstSeed: job.firstSeed + done, worlds: Math.min(size, job.worlds - done) });
  return jobs;
}

function inThread<Given, Result>(file: string, job: Given): Promise<Result> {
  return new Promise((resolve, reject) => {
    // The options of the process that runs this, such as those of a test runner, are not the thread's.
    const thread = new Worker(new URL(file, import.meta.url), { workerData: job, execArgv: [] });
    thread.once("message", (result: Result) => {
      resolve(result);
      // What a world left unfinished, such as a verifier that waits for its answer, would keep it alive.
      void thread.terminate();
    });
    thread.once("error", reject);
    thread.once("exit", (code) => {
      if (code !== 0) reject(new Error(`A thread ended with ${code}.`));
    });
  });
}
