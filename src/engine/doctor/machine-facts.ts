/**
 * What a report about a machine begins with: versions, system, C library, file system, container. It names
 * no user, host or path.
 */
import { existsSync, realpathSync, statfsSync } from 'node:fs';
import { availableParallelism, loadavg, release } from 'node:os';
import { basename } from 'node:path';
import { namesIn, readSystemText } from '../../base/fs/read-record.ts';
import { attemptQuietly } from '../../base/result.ts';
import { controlGroup, serviceIn } from '../os/early-ends.ts';
import { HAS_PROC, thisHost } from '../os/process-identity.ts';
import { findTool, newSession, runTool } from '../os/programs.ts';
import { type MemoryWay, memoryWay } from '../usage/control-group.ts';
import { fileSystemOf } from './home-checks.ts';

export interface MachineFacts {
  node: string;
  platform: string;
  arch: string;
  /** `Debian GNU/Linux 13 (trixie)`, `macOS 15.2`; empty if nothing says it. */
  system: string;
  kernel: string;
  libc: string;
  /** The file system of a path: a name, or the number that statfs gives. */
  fileSystem: string;
  /** `docker`, `podman`, `kubernetes`, `pid namespace`, `wsl`; empty: none is known. */
  inside: string[];
  cpus: number;
  /** The load of the last minute. */
  load: number;
  /** `ulimit -n`; 0: not known. */
  openFiles: number;
  isRoot: boolean;
  /** How --memory is kept. */
  memoryLimit: MemoryWay['way'];
  /** The program behind /bin/sh. */
  sh: string;
  /** Of the tools that bgjob may call: those that are not there. */
  missing: string[];
}

const TOOLS = ['bash', 'env', 'fallocate', 'lsof', 'mkfifo', 'perl', 'ps', 'script', 'setsid', 'stty'];
/** The type numbers of macOS. */
const DARWIN_TYPES: Record<number, string> = { 17: 'hfs', 26: 'apfs' };

function systemName(): string {
  if (process.platform === 'darwin')
    return `macOS ${findTool('sw_vers') ? runTool('sw_vers', ['-productVersion']).trim() : ''}`.trim();
  return /^PRETTY_NAME="?([^"\n]*)/m.exec(readSystemText('/etc/os-release'))?.[1] ?? '';
}

function cLibrary(): string {
  if (process.platform === 'darwin') return 'libSystem';
  if (namesIn('/lib').some((name) => name.startsWith('ld-musl-'))) return 'musl';
  return (findTool('getconf') ? runTool('getconf', ['GNU_LIBC_VERSION']).trim() : '') || 'unknown';
}

function fileSystemName(path: string): string {
  const type = attemptQuietly(() => statfsSync(path).type);
  const known = process.platform === 'darwin' ? DARWIN_TYPES[type ?? -1] : fileSystemOf(path);
  return known ?? `type ${type}`;
}

function surroundings(env: NodeJS.ProcessEnv): string[] {
  const isIn: [string, boolean][] = [
    ['docker', existsSync('/.dockerenv')],
    ['podman', existsSync('/run/.containerenv')],
    ['kubernetes', env['KUBERNETES_SERVICE_HOST'] !== undefined],
    // a constant of the kernel, PROC_PID_INIT_INO
    ['pid namespace', HAS_PROC && !['', 'pid:[4026531836]'].includes(thisHost().pidNamespace)],
    ['wsl', /microsoft/i.test(readSystemText('/proc/version'))],
    ['systemd service', serviceIn(controlGroup()) !== undefined],
  ];
  return isIn.flatMap(([name, holds]) => (holds ? [name] : []));
}

/** `path`: a directory on the file system in question. */
export function readMachineFacts(env: NodeJS.ProcessEnv, path: string): MachineFacts {
  const sh = findTool('sh');
  return {
    node: process.versions.node,
    platform: process.platform,
    arch: process.arch,
    system: systemName(),
    kernel: release(),
    libc: cLibrary(),
    fileSystem: fileSystemName(path),
    inside: surroundings(env),
    cpus: availableParallelism(),
    load: Math.round(loadavg()[0]! * 10) / 10,
    openFiles: (sh !== undefined && Number.parseInt(runTool('sh', ['-c', 'ulimit -n']), 10)) || 0,
    isRoot: process.geteuid!() === 0,
    memoryLimit: memoryWay(env).way,
    sh: sh === undefined ? '' : basename(attemptQuietly(() => realpathSync(sh)) ?? sh),
    missing: TOOLS.filter((tool) =>
      tool === 'setsid' ? newSession().length === 0 : findTool(tool) === undefined,
    ),
  };
}
