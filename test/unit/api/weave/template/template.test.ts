import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderTemplate } from '../../../../../src/api/weave/template/render.ts';
import { describe as sentence } from '../../../../../src/core/errors.ts';

const map = (entries: object): object => Object.assign(Object.create(null), entries);

const VALUE = {
  Ready: true,
  Router: {
    Name: '06:0f:d4:4f:de:19',
    NickName: 'host1',
    Port: 6783,
    Targets: ['10.2.2.1', '10.2.2.2'],
    Peers: [
      { NickName: 'host1', Connections: [{ NickName: 'host2', Established: true }] },
      { NickName: 'host2', Connections: [] },
    ],
    Connections: [{ Attrs: map({ name: 'fastdp', mtu: 1410, encrypted: true }) }],
  },
  IPAM: undefined,
  Share: 12.5,
  Odd: 'a < é',
};

const filled = (template: string, value: unknown = VALUE): string => {
  const result = renderTemplate(template, value);
  return result.ok ? result.value : `refused: ${sentence(result.problem)}`;
};

describe('a template', () => {
  it.each([
    ['{{.Router.Name}}({{.Router.NickName}})', '06:0f:d4:4f:de:19(host1)'],
    ['{{len .Router.Peers}}', '2'],
    ['{{range .Router.Targets}}{{.}}\n{{end}}', '10.2.2.1\n10.2.2.2\n'],
    ['{{range .Router.Targets}}{{.}}{{"\\n"}}{{end}}', '10.2.2.1\n10.2.2.2\n'],
    ['{{.Ready}}', 'true'],
    ['{{json .Router.Targets}}', '["10.2.2.1","10.2.2.2"]'],
    ['{{.Router.Peers | len | printf "%d peers"}}', '2 peers'],
    ['{{$}}', filled('{{.}}')],
    ['{{with .Router}}{{.Port}} {{$.Ready}}{{end}}', '6783 true'],
    ['{{with .IPAM}}{{.Range}}{{else}}off{{end}}', 'off'],
    ['{{with $r := .Router}}{{$r.Port}}{{end}}', '6783'],
    ['{{range $i, $t := .Router.Targets}}{{if $i}}, {{end}}{{$i}}={{$t}}{{end}}', '0=10.2.2.1, 1=10.2.2.2'],
    ['{{range $t := .Router.Targets}}<{{$t}}>{{end}}', '<10.2.2.1><10.2.2.2>'],
    ['{{range .IPAM}}x{{else}}none{{end}}', 'none'],
    [
      '{{range $k, $v := (index .Router.Connections 0).Attrs}}{{$k}}={{$v}} {{end}}',
      'encrypted=true mtu=1410 name=fastdp ',
    ],
    ['{{$n := 0}}{{range .Router.Peers}}{{$n = len .Connections}}{{end}}{{$n}}', '0'],
    ['{{$a := 1}}{{if true}}{{$a := 2}}{{$a}}{{end}}{{$a}}', '21'],
    ['{{range .Router.Peers}}{{range .Connections}}{{.NickName}}{{else}}-{{end}}{{end}}', 'host2-'],
    ['{{(index .Router.Peers 1).NickName}}', 'host2'],
    ['{{index .Router.Peers 0 "NickName"}}', 'host1'],
  ])('%s', (template, text) => {
    expect(filled(template)).toBe(text);
  });

  it.each([
    ['{{if .IPAM}}a{{else if .Ready}}b{{else}}c{{end}}d', 'bd'],
    ['{{if .IPAM}}a{{else if eq 1 2}}b{{else}}c{{end}}d', 'cd'],
    ['{{if eq .Router.NickName "x" "host1"}}yes{{end}}', 'yes'],
    ['{{if ne .Router.Port 1}}yes{{end}}', 'yes'],
    ['{{lt 1 2}} {{le 2 2}} {{gt 1 2}} {{ge "b" "a"}}', 'true true false true'],
    [
      '{{and .Ready .Router.Port}} {{and .IPAM .IPAM.Range}} {{or .IPAM "x"}} {{not .Ready}}',
      '6783 <no value> x false',
    ],
    ['{{eq .IPAM nil}}', 'true'],
    ['{{if and (gt (len .Router.Peers) 1) (not .IPAM)}}yes{{end}}', 'yes'],
    ['{{if or (eq 1 2) (eq 2 2)}}yes{{end}}', 'yes'],
    ['{{if ""}}a{{end}}{{if 0}}b{{end}}{{if false}}c{{end}}', ''],
  ])('decides %s', (template, text) => {
    expect(filled(template)).toBe(text);
  });

  it.each([
    ['{{.Router.Targets}}', '[10.2.2.1 10.2.2.2]'],
    ['{{(index .Router.Connections 0).Attrs}}', 'map[encrypted:true mtu:1410 name:fastdp]'],
    ['{{(index .Router.Connections 0).Attrs.nothing}}', '<no value>'],
    ['{{index .Router.Peers 1}}', '{host2 []}'],
    ['{{.IPAM}} {{print .IPAM}}', '<no value> <nil>'],
    ['{{print 1 2 "a" 3}} {{println "a" 1}}', '1 2a3 a 1\n'],
    ['{{len .Odd}} {{json .Odd}} {{json .IPAM}}', '6 "a < é" null'],
    ['{{printf "%-8s|%8s|%.2s" "ab" "cd" "efg"}}', 'ab      |      cd|ef'],
    ['{{printf "%04.1f%% %5d %05d %+d %x %X" .Share 42 -42 7 255 255}}', '12.5%    42 -0042 +7 ff FF'],
    ['{{printf "%12.12v" "0123456789abcdef"}}', '0123456789ab'],
    ['{{printf "%q %t %v %e %g" "a\\"b" true 1.5 1500.0 0.25}}', '"a\\"b" true 1.5 1.500000e+03 0.25'],
    ['{{0x10}} {{1e3}} {{.5}} {{-3}} {{0.00001}}', '16 1000 0.5 -3 1e-05'],
    ['{{"\\t\\x41\\u00e9\\101\\\\"}}{{`\\n{{}}`}}', '\tAéA\\\\n{{}}'],
    ['a {{- /* not said */ -}} b', 'ab'],
    ['a{{/* }} */}} b', 'a b'],
    ['a \n {{- 1 -}} \n b {{2}} c', 'a1b 2 c'],
    ['{{- 1 -}} {{- 2}}', '12'],
    ['{{ range\n.Router.Targets }}x{{ end }}', 'xx'],
    ['no action', 'no action'],
    ['', ''],
  ])('prints %s', (template, text) => {
    expect(filled(template)).toBe(text);
  });
});

describe('refused with its place and what would do', () => {
  it.each([
    ['{{.Foo}}', /column 3: can't evaluate field Foo; there are Ready, Router, IPAM/],
    ['{{.Router.__proto__}}', /can't evaluate field __proto__; there are Name/],
    ['{{.constructor}}', /can't evaluate field constructor/],
    ['{{index .Router "constructor"}}{{.Router.toString}}', /can't evaluate field toString/],
    ['{{.Router.Targets.length}}', /can't evaluate field length of a list; only objects/],
    ['{{.IPAM.Range}}', /can't evaluate field Range of nothing; ask with "if"/],
    ['a\n b {{nope 1}}', /line 2, column 6: unknown function "nope"; there are and, or, not/],
    ['{{if .Ready}}', /column 3: "if" is never closed; end it with \{\{end\}\}/],
    ['{{end}}', /"end" without an "if"/],
    ['{{if 1}}{{else}}{{else}}{{end}}', /a second "else" of one "if"/],
    ['{{range 1}}{{else if 1}}{{end}}', /found "if", not "}}"/],
    ['{{.Ready', /"\{\{" is never closed/],
    ['{{"a}}', /text that begins with " is never closed/],
    ['{{"\\w"}}', /column 4: unknown escape \\w/],
    ['{{/* a }}', /unexpected/],
    ['{{}}', /found the end of the action, not a value/],
    ['{{(1}}', /found the end of the action, not "\)"/],
    ['{{1 | 2}}', /only a function can stand behind "\|"/],
    ['{{.Ready 1}}', /no function that could be given this/],
    ['{{"a".B}}', /a literal has no fields/],
    ['{{$x}}', /there is no variable \$x here/],
    ['{{if 1}}{{$x := 1}}{{end}}{{$x}}', /there is no variable \$x/],
    ['{{range $x = .Router.Targets}}{{end}}', /write ":=" in place of "="/],
    ['{{range 1}}{{end}}', /range can't go through a number/],
    ['{{len 1}}', /len of a number; it takes text/],
    ['{{len}}', /wrong number of arguments for len: it takes 1, and here are 0/],
    ['{{eq 1 "a"}}', /can't compare a number with text/],
    ['{{eq .Router .Router}}', /can't compare an object with an object/],
    ['{{lt 1 true}}', /can't order a number and true or false/],
    ['{{index .Router.Targets 2}}', /index out of range: 2; the list has 2 elements/],
    ['{{index .IPAM 2}}', /index of nothing/],
    ['{{index 1 2}}', /index of a number by a number/],
    ['{{printf "%d" "a"}}', /printf can't write text by %d; there are %v/],
    ['{{printf "%"}}', /no argument for %/],
    ['{{printf "%z" 1}}', /by %z/],
    ['{{printf "%d"}}', /no argument for %d/],
    ['{{printf "a" 1}}', /1 arguments for the 0/],
    ['{{printf "%9999d" 1}}', /too wide/],
    ['{{printf 1}}', /printf with a number/],
    ['{{define "a"}}{{end}}', /"define" is not supported/],
    ['{{1 & 2}}', /unexpected "&"/],
    ["{{'a'}}", /unexpected "'"/],
  ])('%j', (template, reason) => {
    expect(filled(template)).toMatch(/^refused: template, line \d+, column \d+: /);
    expect(filled(template)).toMatch(reason);
    expect(filled(template)).not.toContain('\n');
  });

  it('what has no end', () => {
    const many = { Many: Array<number>(1_000).fill(1) };
    const nested = '{{range $.Many}}'.repeat(4) + '{{end}}'.repeat(4);
    const doubled = `{{$a := "ab"}}${'{{$a = print $a $a}}'.repeat(60)}`;
    const compared = `{{$a := "ab"}}${'{{$a = print $a $a}}'.repeat(20)}{{$b := print $a}}{{range .Many}}{{eq $a $b}}{{end}}`;
    for (const template of [nested, doubled, compared])
      expect(filled(template, many)).toMatch(/makes too much/);
  });

  it('what is too deep or too long', () => {
    expect(filled(`{{${'('.repeat(9_000)}1${')'.repeat(9_000)}}}`)).toMatch(/more than 50 parentheses/);
    expect(filled('{{if 1}}'.repeat(8_000))).toMatch(/more than 50 blocks/);
    expect(filled('x'.repeat(70_000))).toMatch(/shorten it/);
  });
});

it('whatever is written, there is text or one sentence', () => {
  const words = [
    '{{',
    '}}',
    '{{-',
    '-}}',
    'if',
    'else',
    'end',
    'range',
    'with',
    '.Router',
    '.',
    '$x',
    ':=',
    '=',
    ',',
  ];
  const more = [
    '(',
    ')',
    '|',
    ' ',
    '\n',
    '"a"',
    '`',
    '1',
    'printf',
    '"%d"',
    'len',
    'index',
    'and',
    'json',
    '/*',
    '*/',
  ];
  const template = fc
    .array(fc.constantFrom(...words, ...more), { maxLength: 30 })
    .map(parts => parts.join(''));
  fc.assert(
    fc.property(fc.oneof(template, fc.string({ unit: 'binary' })), text => {
      const result = renderTemplate(text, VALUE);
      if (!result.ok) expect(sentence(result.problem)).not.toContain('\n');
    }),
    { numRuns: 2_000 },
  );
});
