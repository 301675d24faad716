# One image for every process of the suite; docker-compose.yml says which one a container runs.

FROM node:20-slim AS build
WORKDIR /app
# The lockfile decides what is installed; the package manager's version is the one that wrote it.
COPY package.json pnpm-lock.yaml pnpm-workspace.yaml tsconfig.base.json ./
COPY packages ./packages
COPY services ./services
COPY scripts ./scripts
COPY test/package.json ./test/package.json
RUN npx --yes pnpm@10.34.8 install --frozen-lockfile \
  && node_modules/.bin/tsc -b packages/local packages/telemetry services/audit-ledger services/bridge services/objectives services/gate services/gateway \
  && node scripts/bundle.mjs \
  && node scripts/build-verify-page.mjs
# What only builds and tests need goes, and with it the PostgreSQL for machines that have none.
RUN rm -rf node_modules packages/*/node_modules services/*/node_modules \
  && npx --yes pnpm@10.34.8 install --frozen-lockfile --prod --no-optional

FROM node:20-slim
ENV NODE_ENV=production
WORKDIR /app
# A named volume takes the owner of the folder that it is first mounted on.
RUN for name in init nats postgres audit-ledger bridge objectives gate principals gateway; do mkdir -p "/secrets/$name"; done \
  && mkdir -p /var/lib/mumega \
  && chown -R node:node /secrets /var/lib/mumega \
  && chmod -R 0700 /secrets /var/lib/mumega
COPY --from=build /app/package.json /app/pnpm-workspace.yaml ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/packages ./packages
COPY --from=build /app/services ./services
USER node
EXPOSE 8420
STOPSIGNAL SIGTERM
CMD ["node", "--version"]
