// One Parse Server on one port: `node parse_server.cjs NODE_MODULES SETTINGS-AS-JSON`.
const { createRequire } = require("node:module");
const [modules, told] = process.argv.slice(2);
const { port, socket, database, options } = JSON.parse(told);
const load = createRequire(`${modules}/`);
const { ParseServer } = load("parse-server");
const { PostgresStorageAdapter } = load(
  "parse-server/lib/Adapters/Storage/Postgres/PostgresStorageAdapter",
);
const uri = `postgres://postgres@localhost/${database}`;
const nothing = () => {};
ParseServer.startApp({
  ...options,
  port,
  host: "127.0.0.1",
  databaseAdapter: new PostgresStorageAdapter({
    uri,
    databaseOptions: { host: socket },
    collectionPrefix: "",
  }),
  filesAdapter: {
    createFile: nothing,
    deleteFile: nothing,
    getFileData: nothing,
    getFileLocation: nothing,
  },
}).catch((error) => {
  console.error(error);
  process.exit(1);
});
