import { ok, type Result } from '../../src/core/errors.ts';
import { type Context, placeSettings } from '../context.ts';
import { dockerAt } from '../docker.ts';
import { ensureImage } from '../image.ts';

/** `weave setup`: what `launch` would have to make first. */
export async function setup(context: Context): Promise<Result<void>> {
  const settings = placeSettings(context);
  if (!settings.ok) return settings;
  const image = await ensureImage(context, dockerAt(settings.value), undefined);
  return image.ok ? ok(undefined) : image;
}
