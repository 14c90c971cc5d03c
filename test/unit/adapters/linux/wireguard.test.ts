import { describe, expect, it } from 'vitest';
import { messagesIn } from '../../../../src/adapters/linux/netlink/message.ts';
import type { Request } from '../../../../src/adapters/linux/netlink/socket.ts';
import { MessageWriter } from '../../../../src/adapters/linux/netlink/writer.ts';
import { partIn, removePeers, setDevice, setPeers } from '../../../../src/adapters/linux/wireguard/device.ts';
import type { Ipv4 } from '../../../../src/core/address.ts';

const FAMILY = 33;
const bytes = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const base64 = (byte: number): string => Buffer.from(bytes(byte)).toString('base64');
const address = '240.0.0.2' as Ipv4;
const endpoint = { address: '192.168.48.12' as Ipv4, port: 6784 };

/** What a request says, read as the kernel's answers are: both have the same attributes. */
function readBack(request: Request) {
  const writer = new MessageWriter();
  writer.message(request.type, request.flags, 1, () => request.write(writer));
  const [message] = [...messagesIn(writer.bytes())];
  expect(message?.type).toBe(FAMILY);
  return partIn(message!);
}

describe('a WireGuard device over netlink', () => {
  it('is set up with key and port', () => {
    expect(readBack(setDevice(FAMILY, 'wg', bytes(1), 6784))).toEqual({
      ...{ privateKey: base64(1), port: 6784, peers: [] },
    });
  });

  it('is given peers, of whom one has moved', () => {
    const peer = { key: base64(2), preshared: bytes(3), address };
    const request = setPeers(FAMILY, 'wg', [
      { ...peer, endpoint },
      { ...peer, key: base64(4), endpoint: undefined },
    ]);
    const held = { preshared: base64(3), addresses: [address] };
    expect(readBack(request)?.peers).toEqual([
      { ...held, key: base64(2), endpoint },
      { ...held, key: base64(4), endpoint: undefined },
    ]);
    expect(readBack(removePeers(FAMILY, 'wg', [base64(5)]))?.peers).toMatchObject([{ key: base64(5) }]);
  });

  it('takes two hundred peers in a message', () => {
    const peers = Array.from({ length: 200 }, (_, index) => ({
      ...{ key: base64(index), preshared: bytes(index), address, endpoint },
    }));
    expect(readBack(setPeers(FAMILY, 'wg', peers))?.peers).toHaveLength(200);
  });

  it('is not read out of what is none', () => {
    expect(partIn({ body: new Uint8Array(3) })).toBeUndefined();
    expect(partIn({ body: new Uint8Array(4) })).toEqual({ privateKey: undefined, port: 0, peers: [] });
  });
});
