// Verifies messages with a library that others have written: each line of the input is
// {"secret", "headers", "body"}, and each line of the output "good" or why it is not.
import { createInterface } from "node:readline";
import { Webhook } from "standardwebhooks";

for await (const line of createInterface({ input: process.stdin })) {
  const { secret, headers, body } = JSON.parse(line);
  try {
    new Webhook(secret).verify(body, headers);
    console.log("good");
  } catch (error) {
    console.log(error.message);
  }
}
