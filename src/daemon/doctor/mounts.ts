/**
 * Whether the mount that `path` lies in passes mounts on to others and back: `shared:N` among the optional fields of
 * /proc/self/mountinfo (proc(5)). The last of several at one place is the one that is seen.
 */
export function isShared(mountinfo: string, path: string): boolean {
  let found = { point: '', shared: false };
  for (const line of mountinfo.split('\n')) {
    const [, , , , point, , ...rest] = line.split(' ');
    if (point === undefined || !isWithin(path, point) || point.length < found.point.length) continue;
    const fields = rest.slice(0, rest.indexOf('-'));
    found = { point, shared: fields.some(field => field.startsWith('shared:')) };
  }
  return found.shared;
}

const isWithin = (path: string, point: string): boolean =>
  point === '/' || path === point || path.startsWith(`${point}/`);
