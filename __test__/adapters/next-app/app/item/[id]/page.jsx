// Pages that are rendered when somebody asks for them.
export const revalidate = 3600;
export const generateStaticParams = () => [];

export default async function Page({ params }) {
  const { id } = await params;
  return <p>{`[item ${id}, page ${Math.random()}]`}</p>;
}
