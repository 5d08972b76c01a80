// Revalidates a tag, or a path.
import { revalidatePath, revalidateTag } from 'next/cache';

export const dynamic = 'force-dynamic';

export function GET(request) {
  const { searchParams } = new URL(request.url);
  if (searchParams.has('tag')) revalidateTag(searchParams.get('tag'), { expire: 0 });
  else revalidatePath(searchParams.get('path'));
  return new Response('[done]');
}
