import { describe, expect, it } from 'vitest';
import { nameOfContainer, parseName, parseZone } from '../../../../src/core/names/name.ts';

const ZONE = 'mesh.internal';
const read = (text: string): string => {
  const parsed = parseName(text, ZONE);
  return parsed.ok ? parsed.value : parsed.problem.code;
};

describe('a name', () => {
  it.each([
    ['web', 'web'],
    ['Web', 'web'],
    ['web.', 'web'],
    ['web.mesh.internal', 'web'],
    ['DB.prod.Mesh.Internal.', 'db.prod'],
    ['a_b-c9', 'a_b-c9'],
    ['a'.repeat(63), 'a'.repeat(63)],
  ])('%s is %s in the zone', (text, name) => expect(read(text)).toBe(name));

  it.each(['db.prod', 'web.example.org', 'mesh.internal', 'web.xmesh.internal'])(
    '%s is in no zone of ours',
    text => expect(read(text)).toBe('name-outside'),
  );

  it.each([
    '',
    '.',
    'a..mesh.internal',
    '-a',
    'a-',
    'a b',
    'ü',
    'a/b',
    '*',
    'a'.repeat(64),
    `${'a.'.repeat(125)}mesh.internal`,
  ])('%j can not be one', text => expect(read(text)).toBe('name-malformed'));

  it('is what an engine calls a container, where that can be one', () => {
    expect(nameOfContainer('Web_1', ZONE)).toBe('web_1');
    expect(nameOfContainer('my.app', ZONE)).toBe('my.app');
    expect(nameOfContainer('web.mesh.internal', ZONE)).toBe('web');
    expect(nameOfContainer('web.', ZONE)).toBeUndefined();
  });
});

it('a zone has labels as names have', () => {
  expect(parseZone('Mesh.Internal.')).toBe('mesh.internal');
  expect(parseZone('local')).toBe('local');
  expect(parseZone('a..b')).toBeUndefined();
  expect(parseZone('')).toBeUndefined();
});
