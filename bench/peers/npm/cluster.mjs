// Two processes of the Probot app behind Node's cluster, which hands each connection to one of them:
// `node cluster.mjs FD`, where FD is a socket that listens already.

import cluster from "node:cluster";

cluster.setupPrimary({ exec: "probot.mjs", args: [process.argv[2]] });
cluster.fork();
cluster.fork();
