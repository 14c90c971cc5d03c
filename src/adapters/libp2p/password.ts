import { type ScryptOptions, scrypt } from 'node:crypto';
import { promisify } from 'node:util';

const derive = promisify<string, string, number, ScryptOptions, Buffer>(scrypt);

/**
 * All routers must come to one key from the password alone, before they have spoken to each other, so the salt can't
 * be random. It only keeps tables made for other programs from being of use.
 */
const SALT = 'mesh/1 pre-shared key';

/**
 * 16 MiB and 30 to 80 ms a guess (RFC 7914). Twice the cost would pass the 150 ms that a start may spend on it on a
 * busy two-core host.
 */
const COST = { N: 2 ** 14, r: 8, p: 1 };
const KEY_LENGTH = 32;

/**
 * The key that a password stands for, as a key file for libp2p private networks:
 * `/key/swarm/psk/1.0.0/`, `/base16/`, 64 hex digits, a line each.
 */
export async function keyFromPassword(password: string): Promise<Uint8Array> {
  // One password typed on two keyboards must be one password: accents may be composed or not.
  const key = await derive(password.normalize('NFKC'), SALT, KEY_LENGTH, COST);
  return new TextEncoder().encode(`/key/swarm/psk/1.0.0/\n/base16/\n${key.toString('hex')}`);
}
