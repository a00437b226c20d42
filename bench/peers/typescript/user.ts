// The same with the user client alone, as under "Subpackage Exports" in the SDK's README: a much smaller bundle.
import { UserClient } from "@junction-api/sdk/user";

const client = new UserClient({ apiKey: process.env.JUNCTION_API_KEY!, baseUrl: process.env.JUNCTION_BASE_URL! });

export const handler = async (event: { user_id: string }) => client.refresh({ userId: event.user_id, timeout: 10 });
