import koffi from 'koffi';
import { BOUND_AT, HEADER, TAG } from './wire.ts';

/**
 * AES-256-GCM by the OpenSSL that is inside of Node, with contexts that are used again: seven times as fast for small
 * frames as `node:crypto`, which makes one for each. (EVP_EncryptInit(3).)
 */

const GCM_GET_TAG = 0x10;
const GCM_SET_TAG = 0x11;
const BYTES = 'const uint8_t *';

const library = koffi.load(null);
const evp = {
  context: library.func('void *EVP_CIPHER_CTX_new()'),
  free: library.func('void EVP_CIPHER_CTX_free(void *)'),
  gcm: library.func('void *EVP_aes_256_gcm()'),
  control: library.func('int EVP_CIPHER_CTX_ctrl(void *, int, int, uint8_t *)'),
  sealInit: library.func(`int EVP_EncryptInit_ex(void *, void *, void *, ${BYTES}, ${BYTES})`),
  sealUpdate: library.func(`int EVP_EncryptUpdate(void *, uint8_t *, uint8_t *, ${BYTES}, int)`),
  sealFinal: library.func('int EVP_EncryptFinal_ex(void *, uint8_t *, uint8_t *)'),
  openInit: library.func(`int EVP_DecryptInit_ex(void *, void *, void *, ${BYTES}, ${BYTES})`),
  openUpdate: library.func(`int EVP_DecryptUpdate(void *, uint8_t *, uint8_t *, ${BYTES}, int)`),
  openFinal: library.func('int EVP_DecryptFinal_ex(void *, uint8_t *, uint8_t *)'),
};

const length = Buffer.alloc(4);
const tag = Buffer.alloc(TAG);
const nonce = Buffer.alloc(12);
const bound = Buffer.alloc(HEADER - BOUND_AT);

/** What is authenticated beside the message (the end of the header at `at`), and the nonce that is in it. */
function takeHeader(header: Buffer, at: number): void {
  header.copy(bound, 0, at + BOUND_AT, at + HEADER);
  bound.copy(nonce, 4, 8);
}

/** One direction of one session. `key`: 32 bytes. */
export class Sealer {
  readonly #context: unknown = evp.context();

  constructor(key: Uint8Array) {
    evp.sealInit(this.#context, evp.gcm(), null, key, null);
  }

  /** Seals `size` bytes of `message` into `into`, the tag behind them; the header that goes with them is at `at` of `header`. */
  seal(message: Buffer, size: number, header: Buffer, at: number, into: Buffer): number {
    takeHeader(header, at);
    evp.sealInit(this.#context, null, null, null, nonce);
    evp.sealUpdate(this.#context, null, length, bound, bound.length);
    evp.sealUpdate(this.#context, into, length, message, size);
    evp.sealFinal(this.#context, into, length);
    evp.control(this.#context, GCM_GET_TAG, TAG, tag);
    tag.copy(into, size);
    return size + TAG;
  }

  close(): void {
    evp.free(this.#context);
  }
}

export class Opener {
  readonly #context: unknown = evp.context();

  constructor(key: Uint8Array) {
    evp.openInit(this.#context, evp.gcm(), null, key, null);
  }

  /** Opens `sealed` into `into`; gives the length of the message, or undefined where it is not authentic. */
  open(sealed: Buffer, header: Buffer, at: number, into: Buffer): number | undefined {
    const size = sealed.length - TAG;
    if (size < 1) return undefined;
    takeHeader(header, at);
    sealed.copy(tag, 0, size);
    evp.openInit(this.#context, null, null, null, nonce);
    evp.openUpdate(this.#context, null, length, bound, bound.length);
    evp.openUpdate(this.#context, into, length, sealed, size);
    evp.control(this.#context, GCM_SET_TAG, TAG, tag);
    return evp.openFinal(this.#context, into, length) === 1 ? size : undefined;
  }

  close(): void {
    evp.free(this.#context);
  }
}
