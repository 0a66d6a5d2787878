# A mesh's synchronizer or trainer, by a user without rights; compose.yaml runs one synchronizer and several trainers.
FROM node:22-slim AS build
WORKDIR /src
COPY . .
RUN npm ci
RUN npm run package

FROM node:22-slim
COPY --from=build /src/neuromesh-*.tgz /tmp/neuromesh.tgz
RUN npm install --global --no-audit --no-fund /tmp/neuromesh.tgz
USER node
WORKDIR /home/node
RUN mkdir -p state .config/nmc
VOLUME ["/home/node/state", "/home/node/.config/nmc"]
EXPOSE 7420
HEALTHCHECK CMD ["node", "-e", "fetch('http://127.0.0.1:7420/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# The port is for a network of your own; beyond it, mount a certificate and give --cert and --cert-key.
CMD ["nmc", "synchronizer", "--listen", "0.0.0.0:7420", "--insecure", "--state", "state"]
