import { describe, expect, it } from 'vitest';
import { meant, readAddressWords, requestOf } from '../../../../cli/weave/addresses.ts';
import { proxyPlaces } from '../../../../cli/weave/launch-flags.ts';
import { expandPeerName, expandSeeds } from '../../../../cli/weave/peer-name.ts';
import { MESH, WEAVE } from '../../../../src/api/profile.ts';
import { formatListenAddress } from '../../../../src/api/proxy/listen-address.ts';

describe('peer names', () => {
  it.each([
    ['::1', '00:00:00:00:00:01'],
    ['1::', '01:00:00:00:00:00'],
    ['1::a:b', '01:00:00:00:0a:0b'],
    ['8a:3e:3e:3e:3e:3e', '8a:3e:3e:3e:3e:3e'],
    ['1:2:3:4:5::6', '1:2:3:4:5::6'],
    ['::1::2', '::1::2'],
    ['host1', 'host1'],
  ])('%s is %s', (short, full) => expect(expandPeerName(short)).toBe(full));

  it('are expanded among seeds, and nowhere else', () => {
    expect(expandSeeds('seed=::1,::2')).toBe('seed=00:00:00:00:00:01,00:00:00:00:00:02');
    expect(expandSeeds('consensus=3')).toBe('consensus=3');
    expect(expandSeeds('observer')).toBe('observer');
  });
});

describe('addresses', () => {
  const read = (...words: string[]) => {
    const all = readAddressWords(words);
    if (!all.ok) throw new Error(all.problem.code);
    return all.value;
  };

  it('are named, or asked for by their subnet', () => {
    expect(requestOf(read('10.2.1.1/24', 'ip:10.2.2.1/24', 'net:10.2.3.0/24', 'net:default'))).toEqual({
      addresses: ['10.2.1.1/24', '10.2.2.1/24'],
      subnets: ['10.2.3.0/24', 'default'],
    });
    expect(requestOf(read())).toEqual({ addresses: [], subnets: ['default'] });
  });

  it.each(['10.2.1.1', 'net:10.2.1.1', 'net:', 'ip:', 'web', 'net:none'])('are not %s', word => {
    expect(readAddressWords([word])).toMatchObject({
      ok: false,
      problem: { code: 'bad-address', value: word },
    });
  });

  it('that are meant come in the order of the words', () => {
    const held = ['10.2.1.1/24', '10.2.2.1/24', '10.2.3.1/24', '10.32.0.1/12'];
    expect(meant(read('net:10.2.3.0/24', '10.2.1.1/24'), held, '10.32.0.0/12')).toEqual([
      '10.2.3.1/24',
      '10.2.1.1/24',
    ]);
    expect(meant(read(), held, '10.32.0.0/12')).toEqual(['10.32.0.1/12']);
    expect(meant(read('net:10.2.0.0/16', '10.9.9.9/24'), held, undefined)).toEqual([]);
    expect(meant(read('net:default'), held, undefined)).toEqual([]);
  });
});

describe('the proxy', () => {
  it.each([
    [undefined, 'unix:///var/run/weave/weave.sock'],
    ['', 'unix:///var/run/weave/weave.sock'],
    ['unix:///var/run/alt-docker.sock', 'unix:///var/run/weave/weave.sock'],
    ['tcp://192.168.48.11:2375', 'tcp://0.0.0.0:12375'],
  ])('listens as Docker is asked: %s', (dockerHost, place) => {
    expect(proxyPlaces(WEAVE, dockerHost).map(formatListenAddress)).toEqual([place]);
    expect(proxyPlaces(MESH, dockerHost)).toEqual([]);
  });
});
