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

async function call({ method, url, text, headers, timeoutMs }) {
  const client = createClient(Orders, createGrpcWebTransport({ baseUrl: url }));
  const options = { headers, timeoutMs };
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
