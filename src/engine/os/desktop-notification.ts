/**
 * Desktop notifications: notify-send where there is a display and a session bus, osascript on macOS
 * (untested).
 */
import { existsSync } from 'node:fs';
import { errnoOf } from '../../base/result.ts';
import { findTool } from './programs.ts';

type Variables = Record<string, string | undefined>;

const BUS = 'DBUS_SESSION_BUS_ADDRESS';
const NEEDED = ['HOME', 'LANG', 'DISPLAY', 'WAYLAND_DISPLAY', 'XAUTHORITY', 'XDG_RUNTIME_DIR', BUS];

/** After this time without an answer no program shows notifications, milliseconds. */
const GIVE_UP_MS = 10_000;

const hasDisplay = (env: Variables): boolean =>
  Boolean(env['DISPLAY'] || env['WAYLAND_DISPLAY']) &&
  Boolean(env[BUS] || (env['XDG_RUNTIME_DIR'] && existsSync(`${env['XDG_RUNTIME_DIR']}/bus`)));

/** The variables that lead to the desktop, stored until the job ends; empty if there is no desktop. */
export const callerDesktop = (env: Variables): string[] =>
  process.platform === 'darwin' || hasDisplay(env)
    ? NEEDED.flatMap((name) => (env[name] ? [`${name}=${env[name]}`] : []))
    : [];

/** Why these variables lead to no desktop that can be notified; undefined if a notification can be tried. */
export function desktopTrouble(env: Variables): string | undefined {
  if (process.platform === 'darwin') return findTool('osascript') ? undefined : 'there is no osascript';
  if (!hasDisplay(env)) return 'there is no desktop';
  return findTool('notify-send') ? undefined : 'there is no notify-send (libnotify-bin)';
}

const SCRIPT = `on run argv
display notification (item 2 of argv) with title (item 1 of argv)
end run`;

function command(title: string, body: string): [program: string, args: string[]] {
  if (process.platform === 'darwin') return [findTool('osascript')!, ['-e', SCRIPT, title, body]];
  // many notification servers read the body as markup
  const escaped = body.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return [findTool('notify-send')!, ['--app-name=bgjob', '--', title, escaped]];
}

/** Shows a notification with the stored variables; returns the reason of a failure. Takes 10 s at most. */
export function notifyDesktop(stored: string[], title: string, body: string): Promise<string | undefined> {
  const env: Variables = Object.fromEntries(
    stored.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
  );
  const trouble = desktopTrouble(env);
  if (trouble !== undefined) return Promise.resolve(trouble);
  const { spawn } = require('node:child_process') as typeof import('node:child_process');
  const [program, args] = command(title, body);
  const child = spawn(program, args, { stdio: 'ignore', cwd: '/', env });
  const limit = setTimeout(() => child.kill('SIGKILL'), GIVE_UP_MS);
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(`${program} cannot be run (${errnoOf(error)})`));
    child.once('exit', (code, signal) => {
      clearTimeout(limit);
      resolve(code === 0 ? undefined : `${program} failed (${signal ?? `exited ${code}`})`);
    });
  });
}
