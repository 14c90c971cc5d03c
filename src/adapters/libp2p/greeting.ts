import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { AbortOptions, ConnectionProtector, MessageStream } from '@libp2p/interface';
import { preSharedKey } from '@libp2p/pnet';
import { byteStream } from '@libp2p/utils';

/**
 * What both ends of every connection say first, at once: 8 bytes magic, 16 bytes nonce, 16 bytes HMAC-SHA256 over
 * the speaker's role and the nonce, by the pre-shared key.
 *
 * It guards nothing, that is what the private network and Noise behind it do. It tells: without it a wrong password
 * looks like noise to both ends, which ends in one of four errors or, four times in ten, in a time-out. What it
 * gives to who wants to guess passwords offline, the private network's first bytes give as well.
 */
const MAGIC = Buffer.from('mesh/1\r\n');
const NONCE_LENGTH = 16;
const TAG_LENGTH = 16;

/** The key of those who have no password. */
const OPEN = new Uint8Array(1);

export type Misgreeting = 'other-password' | 'not-mesh';

/** Thrown out of the upgrade of a connection, where libp2p hands it to whoever dialled. */
export class GreetingError extends Error {
  readonly misgreeting: Misgreeting;

  constructor(misgreeting: Misgreeting) {
    super(misgreeting);
    this.misgreeting = misgreeting;
  }
}

export interface GreetingOptions {
  /** A key file for private networks, or undefined for a mesh without password. */
  readonly key: Uint8Array | undefined;
  /** Called when the other end has been connected to, and again if its greeting was wrong. */
  readonly onConnected: (connection: MessageStream) => void;
  readonly onMisgreeting: (connection: MessageStream, misgreeting: Misgreeting) => void;
}

/** Greets, then encrypts with the pre-shared key if there is one. */
export function greetingProtector(options: GreetingOptions): () => ConnectionProtector {
  const tagKey = options.key ?? OPEN;
  const network = options.key === undefined ? undefined : preSharedKey({ psk: options.key })();
  return () => ({
    async protect(connection, abort) {
      options.onConnected(connection);
      const misgreeting = await greet(connection, tagKey, abort);
      if (misgreeting !== undefined) {
        options.onMisgreeting(connection, misgreeting);
        throw new GreetingError(misgreeting);
      }
      return network === undefined ? connection : network.protect(connection, abort);
    },
  });
}

async function greet(
  connection: MessageStream,
  key: Uint8Array,
  abort?: AbortOptions,
): Promise<Misgreeting | undefined> {
  const bytes = byteStream(connection);
  const outbound = connection.direction === 'outbound';
  const nonce = randomBytes(NONCE_LENGTH);
  await bytes.write(Buffer.concat([MAGIC, nonce, tagOf(key, outbound, nonce)]), abort);
  const magic = await bytes.read({ ...abort, bytes: MAGIC.length });
  if (!MAGIC.equals(magic.subarray())) return 'not-mesh';
  const theirs = (await bytes.read({ ...abort, bytes: NONCE_LENGTH + TAG_LENGTH })).subarray();
  const expected = tagOf(key, !outbound, theirs.subarray(0, NONCE_LENGTH));
  if (!timingSafeEqual(expected, theirs.subarray(NONCE_LENGTH))) return 'other-password';
  bytes.unwrap();
  return undefined;
}

/** The role is in it so that nobody passes by repeating what was said to them. */
function tagOf(key: Uint8Array, dialler: boolean, nonce: Uint8Array): Buffer {
  return createHmac('sha256', key)
    .update(dialler ? 'dialler' : 'listener')
    .update(nonce)
    .digest()
    .subarray(0, TAG_LENGTH);
}
