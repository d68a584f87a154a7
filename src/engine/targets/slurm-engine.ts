/** The Engine of a Slurm cluster, whose commands are where a Transport leads. */
import type { Transport } from './engine.ts';
import { ShimEngine, type ShimEngineOptions } from './shim-engine.ts';

export interface SlurmEngineOptions extends ShimEngineOptions {
  partition: string | null;
  /** Options of sbatch; they win over ours, but for the ones by which bgjob knows the job. */
  options: readonly string[];
  /** Lines of sh that make the commands of Slurm known there: `module load slurm`. */
  setup: string | null;
}

export class SlurmEngine extends ShimEngine {
  constructor(transport: Transport, options: SlurmEngineOptions) {
    super(transport, options);
  }
}
