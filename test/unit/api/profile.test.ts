import { describe, expect, it } from 'vitest';
import { formatSettings, parseSettings } from '../../../src/api/control/settings.ts';
import { MESH, WEAVE } from '../../../src/api/profile.ts';
import { formatCidr } from '../../../src/core/address.ts';

function settings(argv: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const parsed = parseSettings(argv, env);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problem));
  return parsed.value;
}

describe('the profile', () => {
  it('is chosen by flag or variable, the flag first', () => {
    expect(settings([]).profile).toBe(MESH);
    expect(settings([], { MESH_PROFILE: 'weave' }).profile).toBe(WEAVE);
    expect(settings(['--profile=mesh'], { MESH_PROFILE: 'weave' }).profile).toBe(MESH);
    expect(parseSettings(['--profile=flannel'], {})).toMatchObject({
      ok: false,
      problem: { code: 'bad-setting', name: '--profile', value: 'flannel', allowed: 'mesh or weave' },
    });
  });

  it('says what settings are that nobody gave', () => {
    expect(settings(['--profile=weave'])).toMatchObject({
      dnsDomain: 'weave.local',
      stateDir: '/var/lib/weave',
      httpAddresses: ['127.0.0.1:6784'],
      statusAddresses: ['127.0.0.1:6782'],
      port: 6783,
    });
  });

  it('has variables of its own, which count before ours', () => {
    const env = { MESH_PROFILE: 'weave', WEAVE_MTU: '1300', MESH_MTU: '1200', MESH_PORT: '7000' };
    expect(settings([], env)).toMatchObject({ mtu: 1300, port: 7000 });
    expect(settings([], { WEAVE_MTU: '1300' }).mtu).toBeUndefined();
    expect(formatCidr(settings([], { ...env, WEAVE_IPALLOC_RANGE: '10.2.0.0/16' }).ipamRange!)).toBe(
      '10.2.0.0/16',
    );
    expect(settings([], { ...env, WEAVE_IPALLOC_RANGE: '' }).ipamRange).toBeUndefined();
  });

  it('goes with the settings to the router, which then has the same', () => {
    const given = settings(['--profile=weave', '--dns-domain=foo.bar', '--http-addr=']);
    const argv = formatSettings(given);
    expect(argv).toEqual(expect.arrayContaining(['--profile=weave', '--dns-domain=foo.bar', '--http-addr=']));
    expect(argv.some(word => word.startsWith('--state-dir'))).toBe(false);
    expect(settings(argv)).toEqual(given);
  });

  it.each([
    ['--http-addr', 'everywhere'],
    ['--http-addr', '127.0.0.1:0'],
    ['--status-addr', '127.0.0.1:65536'],
  ])('is told of %s %s', (flag, value) => {
    expect(parseSettings([`${flag}=${value}`], {})).toMatchObject({
      problem: { code: 'bad-setting', value },
    });
  });

  it('of the environment takes only what is asked for, and itself', () => {
    const env = { MESH_PROFILE: 'weave', WEAVE_MTU: 'wrong', WEAVE_RUN_DIR: '/tmp/x' };
    const parsed = parseSettings([], env, ['runDir']);
    expect(parsed.ok && [parsed.value.profile.name, parsed.value.runDir, parsed.value.mtu]).toEqual([
      'weave',
      '/tmp/x',
      undefined,
    ]);
  });
});
