import { describe, expect, it } from 'vitest';
import { withWait } from '../../../../src/api/proxy/wait.ts';

const HOW = { folder: '/var/lib/weave/wait', rewritesHosts: true, multicast: true };
const MOUNTED = { HostConfig: { Binds: ['/var/lib/weave/wait:/w:ro'] } };
const IMAGE = { Entrypoint: ['/entry'], Cmd: ['serve'] };

describe('a container that waits', () => {
  it.each([
    ['has what its image has', {}, IMAGE, ['/w/w', '/entry'], ['serve']],
    ['has its own command', { Cmd: ['other'] }, IMAGE, ['/w/w', '/entry'], ['other']],
    ['takes an empty command for none', { Cmd: [] }, IMAGE, ['/w/w', '/entry'], ['serve']],
    ['with an entrypoint has nothing of its image', { Entrypoint: ['/mine'] }, IMAGE, ['/w/w', '/mine'], []],
    ['takes one word for a list', { Entrypoint: '/mine', Cmd: 'x' }, IMAGE, ['/w/w', '/mine'], ['x']],
    ['may want no entrypoint', { Entrypoint: [''], Cmd: ['sh'] }, IMAGE, ['/w/w'], ['sh']],
    ['may be of an image without one', {}, { Cmd: ['sh'] }, ['/w/w'], ['sh']],
    ['waits once, though its image does', {}, { Entrypoint: ['/w/w', '/entry'] }, ['/w/w', '/entry'], []],
  ])('%s', (_, fields, image, Entrypoint, Cmd) => {
    expect(withWait(fields, image, HOW)).toEqual({ ...fields, ...MOUNTED, Entrypoint, Cmd });
  });

  it.each([
    ['is nothing to run', {}, { Entrypoint: null, Cmd: null }],
    ['is nothing but an empty word', { Entrypoint: [''] }, IMAGE],
    ['is no such image', {}, undefined],
  ])('is as the user wants it where there %s: the engine says so', (_, fields, image) => {
    expect(withWait(fields, image, HOW)).toBe(fields);
  });

  it('keeps its other mounts, but for one at the same place', () => {
    const HostConfig = { Binds: ['/tmp:/srv', '/mine:/w'], Memory: 1 };
    expect(withWait({ Cmd: ['sh'], HostConfig }, {}, HOW)).toMatchObject({
      HostConfig: { Binds: ['/tmp:/srv', '/var/lib/weave/wait:/w:ro'], Memory: 1 },
    });
  });

  it('keeps fields as their writer called them', () => {
    expect(withWait({ cmd: ['sh'], hostconfig: {} }, {}, HOW)).toEqual({
      Entrypoint: ['/w/w'],
      cmd: ['sh'],
      hostconfig: { Binds: ['/var/lib/weave/wait:/w:ro'] },
    });
  });
});
