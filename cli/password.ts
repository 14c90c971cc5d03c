import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ok, type Result, refuse } from '../src/core/errors.ts';
import { withFile } from './files.ts';

export interface PasswordSource {
  /** True: ask for it. A text: it was given on the command line, which is refused. */
  readonly flag: boolean | string | undefined;
  readonly file: string | undefined;
  readonly environment: string | undefined;
}

/** The password from where the user put it, or undefined where there is none. Never from the command line. */
export async function readPassword(source: PasswordSource): Promise<Result<string | undefined>> {
  if (typeof source.flag === 'string') {
    return refuse({
      code: 'bad-usage',
      why: 'a password on the command line shows in process lists; use --password-file FILE, MESH_PASSWORD, or --password as the last word to be asked',
      command: 'launch',
    });
  }
  if (source.flag === true) return checked(await prompt(), 'the password');
  const { file, environment } = source;
  if (file !== undefined) {
    const text = readText(file);
    return text.ok ? checked(ok(text.value.replace(/\r?\n$/, '')), file) : text;
  }
  return environment === undefined || environment === '' ? ok(undefined) : ok(environment);
}

function readText(file: string): Result<string> {
  try {
    return ok(readFileSync(file, 'utf8'));
  } catch (error) {
    const allowed = `a file that can be read (${(error as NodeJS.ErrnoException).code})`;
    return refuse({ code: 'bad-setting', name: '--password-file', value: file, allowed });
  }
}

function checked(password: Result<string>, where: string): Result<string> {
  return password.ok && password.value === ''
    ? refuse({ code: 'bad-usage', why: `${where} is empty`, command: 'launch' })
    : password;
}

/** Keeps the password where the router reads it, also when it comes back by itself. */
export function storePassword(stateDir: string, password: string): Result<string> {
  const path = join(stateDir, 'password');
  return withFile(path, () => {
    writeFileSync(`${path}.new`, password, { mode: 0o600 });
    renameSync(`${path}.new`, path);
    return path;
  });
}

const BACKSPACE = ['\u007f', '\b'];
const END = ['\r', '\n', '\u0004'];
const INTERRUPT = '\u0003';

/** Asks on the terminal, without showing what is typed. */
function prompt(): Promise<Result<string>> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY) {
    const why = 'there is no terminal to ask for the password; use --password-file FILE or MESH_PASSWORD';
    return Promise.resolve(refuse({ code: 'bad-usage', why, command: 'launch' }));
  }
  stderr.write('Password: ');
  stdin.setRawMode(true).setEncoding('utf8').resume();
  return new Promise(resolve => {
    let typed = '';
    const listener = (text: string) => {
      for (const key of text) {
        if (END.includes(key) || key === INTERRUPT) {
          stdin.off('data', listener).setRawMode(false).pause();
          stderr.write('\n');
          const why = 'no password was given';
          resolve(key === INTERRUPT ? refuse({ code: 'bad-usage', why, command: 'launch' }) : ok(typed));
          return;
        }
        typed = BACKSPACE.includes(key) ? [...typed].slice(0, -1).join('') : typed + key;
      }
    };
    stdin.on('data', listener);
  });
}
