// A page that is rendered when it is built, with data that have a tag.
import { unstable_cache } from 'next/cache';

export const revalidate = 3600;
const data = unstable_cache(async () => `data ${Math.random()}`, ['data'], { tags: ['data'] });

export default async function Page() {
  return <p>{`[${await data()}, page ${Math.random()}]`}</p>;
}
