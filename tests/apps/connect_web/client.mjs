// Calls the service in grpc.rs as a page in a browser does. Each line that it reads is a call, and each line that it
// writes is a message of the response or its end.

import { createInterface } from "node:readline";
import { create, createFileRegistry } from "@bufbuild/protobuf";
import {
  FileDescriptorProtoSchema,
  StringValueSchema,
  file_google_protobuf_wrappers,
} from "@bufbuild/protobuf/wkt";
import { createClient, ConnectError } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";

// In place of generated code.
const types = { inputType: ".google.protobuf.StringValue", outputType: ".google.protobuf.StringValue" };
const file = create(FileDescriptorProtoSchema, {
  name: "test.proto",
  package: "test",
  syntax: "proto3",
  dependency: ["google/protobuf/wrappers.proto"],
  service: [
    {
      name: "Orders",
      method: [
        { name: "Create", ...types },
        { name: "Watch", serverStreaming: true, ...types },
      ],
    },
  ],
});
const registry = createFileRegistry(file, (name) =>
  name === "google/protobuf/wrappers.proto" ? file_google_protobuf_wrappers : undefined,
);
const Orders = registry.getService("test.Orders");

function print(event) {
  process.stdout.write(JSON.stringify(event) + "\n");
}

// The headers of a response from another origin that a browser shows to any page (CORS-safelisted response-header names
// of the Fetch standard).
const safelisted = [
  "cache-control",
  "content-language",
  "content-length",
  "content-type",
  "expires",
  "last-modified",
  "pragma",
];

// As a browser does it for a page of another origin (CORS filtered response of the Fetch standard).
async function fetchFromPage(url, init) {
  const response = await fetch(url, init);
  const exposed = response.headers.get("access-control-expose-headers") ?? "";
  const shown = safelisted.concat(exposed.toLowerCase().split(","));
  const headers = [...response.headers].filter(([name]) => shown.includes(name));
  return new Response(response.body, { status: response.status, headers });
}

async function call({ method, url, text, headers, fromPage }) {
  if (method === "fetch") {
    const response = await fetch(url, { method: "POST", body: text, headers });
    print({ message: await response.text() });
    print("end");
    return;
  }
  const transport = { baseUrl: url, fetch: fromPage ? fetchFromPage : fetch };
  const client = createClient(Orders, createGrpcWebTransport(transport));
  const options = { headers };
  if (method === "create") {
    print({ message: (await client.create({ value: text }, options)).value });
  } else {
    for await (const message of client.watch({ value: text }, options)) {
      print({ message: message.value });
    }
  }
  print("end");
}

for await (const line of createInterface({ input: process.stdin })) {
  try {
    await call(JSON.parse(line));
  } catch (reason) {
    const { code, rawMessage, metadata } = ConnectError.from(reason);
    print({ error: { code, message: rawMessage, metadata: Object.fromEntries(metadata) } });
  }
}
