import { equalBytes } from '../../../src/core/bytes.ts';
import { decodeMessage, encodeMessage, PROTOCOL_VERSION } from '../../../src/core/wire.ts';
import { messages } from '../messages.ts';
import { insist, type Target } from '../target.ts';

export const wire: Target = {
  what: 'messages between routers',
  structured: messages.map(encodeMessage),
  read(bytes) {
    const message = decodeMessage(bytes);
    // A later version may add what we drop; in this one, a message has exactly one form.
    if (message === undefined || bytes[0] !== PROTOCOL_VERSION) return;
    insist(equalBytes(encodeMessage(message), bytes), 'a message has one encoding');
  },
};
