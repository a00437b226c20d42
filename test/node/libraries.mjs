// Published webhook libraries: each npm package signs a body, and verifies what our own signer made of it. Standard
// input has {secret, body, ours: {svix: headers, webhook: headers}}; the answer is JSON, and nothing else is printed.
import { readFileSync } from "node:fs";
import * as standardwebhooks from "standardwebhooks";
import * as svix from "svix";

const { secret, body, ours } = JSON.parse(readFileSync(0, "utf8"));

const packages = {
  svix: { Webhook: svix.Webhook, family: "svix" },
  standardwebhooks: { Webhook: standardwebhooks.Webhook, family: "webhook" },
};

const out = {};
for (const [name, { Webhook, family }] of Object.entries(packages)) {
  const signer = new Webhook(secret);
  const id = `msg_of_${name}_for_node`;
  const now = new Date();
  const verifies = (text, headers) => {
    try {
      signer.verify(text, headers);
      return true;
    } catch (error) {
      if (error.constructor.name !== "WebhookVerificationError") throw error;
      return false;
    }
  };
  out[name] = {
    headers: {
      [`${family}-id`]: id,
      [`${family}-timestamp`]: String(Math.floor(now.getTime() / 1000)),
      [`${family}-signature`]: signer.sign(id, now, body),
    },
    verifies: verifies(body, ours[family]),
    verifies_another_body: verifies(`${body} `, ours[family]),
  };
}
console.log(JSON.stringify(out));
