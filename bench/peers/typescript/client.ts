// A function that refreshes a user with the SDK's client, as under "Usage" in the SDK's README.
import { JunctionClient } from "@junction-api/sdk";

const client = new JunctionClient({ apiKey: process.env.JUNCTION_API_KEY!, baseUrl: process.env.JUNCTION_BASE_URL! });

export const handler = async (event: { user_id: string }) => client.user.refresh({ userId: event.user_id, timeout: 10 });
