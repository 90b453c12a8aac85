/** What a process holds: resident memory and open descriptors, over time. Linux only. */
import { readdirSync, readFileSync } from "node:fs";

export interface Consumption {
  /** Takes a sample of every process. */
  sample(): void;
  /** Median of the last third of all samples beside that of the middle one: the first is warming up. */
  summary(): readonly Growth[];
}

export interface Growth {
  readonly name: string;
  readonly megabytes: readonly [before: number, after: number];
  readonly descriptors: readonly [before: number, after: number];
}

/** More than the allocator's whims, and far less than a leak shows in minutes. */
const MEMORY_GROWTH_MAX = 1.1;
const DESCRIPTOR_GROWTH_MAX = 8;

export function consumption(processes: Readonly<Record<string, number>>): Consumption {
  const samples = Object.entries(processes).map(([name, pid]) => ({
    name,
    pid,
    megabytes: [] as number[],
    descriptors: [] as number[],
  }));
  return {
    sample() {
      for (const { pid, megabytes, descriptors } of samples) {
        megabytes.push(residentMegabytes(pid));
        descriptors.push(readdirSync(`/proc/${pid}/fd`).length);
      }
    },
    summary: () =>
      samples.map(({ name, megabytes, descriptors }) => ({
        name,
        megabytes: thirds(megabytes),
        descriptors: thirds(descriptors),
      })),
  };
}

export function isFlat({ megabytes, descriptors }: Growth): boolean {
  const [memoryBefore, memoryAfter] = megabytes;
  const [openBefore, openAfter] = descriptors;
  return memoryAfter <= memoryBefore * MEMORY_GROWTH_MAX && openAfter <= openBefore + DESCRIPTOR_GROWTH_MAX;
}

function residentMegabytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kilobytes) / 1024;
}

function thirds(values: readonly number[]): [number, number] {
  const third = Math.floor(values.length / 3);
  return [median(values.slice(third, 2 * third)), median(values.slice(-third))];
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
