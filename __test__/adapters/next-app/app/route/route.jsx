export const dynamic = 'force-static';
export const GET = () => new Response(`[route ${Math.random()}]`, { headers: { 'x-own': 'yes' } });
