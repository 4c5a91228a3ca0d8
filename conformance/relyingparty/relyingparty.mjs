// A stranger's relying party: openid-client, unchanged. It does what the line on
// its standard input says, asks for a browser by {"open": address} and reads the
// callback's address from the next line, and prints a line for each step that its
// library found to be as the specifications have it.
import { createInterface } from 'node:readline'
import * as client from 'openid-client'

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const next = async () => JSON.parse((await lines.next()).value)
const say = (line) => process.stdout.write(JSON.stringify(line) + '\n')

// browse has the citizen follow an address to the callback.
async function browse(address) {
  say({ open: address.href })
  return new URL((await next()).callback)
}

// refused says the code by which the server refuses what f does.
async function refused(step, f) {
  try {
    await f()
  } catch (e) {
    say({ step, code: e.error ?? e.code ?? String(e) })
    return
  }
  throw new Error(`${step}: it was not refused`)
}

const importKey = (jwk) =>
  crypto.subtle.importKey('jwk', jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])

async function authentication(job) {
  switch (job.auth) {
    case 'private_key_jwt':
      return client.PrivateKeyJwt({ key: await importKey(job.key), kid: job.key.kid })
    case 'client_secret_basic':
      return client.ClientSecretBasic(job.secret)
    default:
      return client.None()
  }
}

// kiosk asks by the device flow; the citizen answers the code of the screen elsewhere.
async function kiosk(config, job) {
  const asked = await client.initiateDeviceAuthorization(config, { scope: job.scope })
  say({ step: 'device', open: asked.verification_uri, user_code: asked.user_code })
  const waiting = client.pollDeviceAuthorizationGrant(config, asked)
  await next()
  const tokens = await waiting
  say({ step: 'code', token_type: tokens.token_type, sub: tokens.claims().sub })
  return 0
}

// configured finds the server and, where the job has metadata to register, makes the
// client there: what the server answers is all that the library then knows of it.
async function configured(job) {
  const execute = [client.allowInsecureRequests]
  if (!job.register) {
    return client.discovery(new URL(job.issuer), job.client_id, job.metadata ?? {}, await authentication(job), { execute, algorithm: job.algorithm ?? 'oidc' })
  }
  const config = await client.dynamicClientRegistration(new URL(job.issuer), job.register, client.ClientSecretBasic(), { initialAccessToken: job.initial, execute })
  say({ step: 'registered', alg: config.clientMetadata().id_token_signed_response_alg })
  return config
}

const algorithm = (token) => JSON.parse(Buffer.from(token.split('.')[0], 'base64url')).alg

async function run(job) {
  const config = await configured(job)
  say({ step: 'discovery', issuer: config.serverMetadata().issuer })

  if (job.device) return kiosk(config, job)

  const DPoP = job.dpop ? client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256')) : undefined
  const options = { DPoP }
  const pkceCodeVerifier = client.randomPKCECodeVerifier()
  const nonce = client.randomNonce()
  const state = client.randomState()
  let parameters = new URLSearchParams({
    redirect_uri: job.redirect_uri,
    scope: job.scope,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    nonce,
    state,
    ...job.parameters,
  })
  if (job.jar) {
    const signed = await client.buildAuthorizationUrlWithJAR(config, parameters, await importKey(job.key), {
      [client.modifyAssertion]: (header) => { header.kid = job.key.kid },
    })
    parameters = signed.searchParams
    say({ step: 'request object' })
  }
  const address = job.par
    ? await client.buildAuthorizationUrlWithPAR(config, parameters, options)
    : client.buildAuthorizationUrl(config, parameters)
  if (job.par) say({ step: 'pushed request' })

  const callback = await browse(address)
  const checks = { pkceCodeVerifier, expectedNonce: nonce, expectedState: state, idTokenExpected: true, ...job.checks }
  const tokens = await client.authorizationCodeGrant(config, callback, checks, undefined, options)
  const claims = tokens.claims()
  say({ step: 'code', alg: algorithm(tokens.id_token), token_type: tokens.token_type, sub: claims.sub, acr: claims.acr, amr: claims.amr, auth_time: claims.auth_time, sid: claims.sid })

  await client.fetchUserInfo(config, tokens.access_token, claims.sub, options)
  say({ step: 'userinfo' })

  if (tokens.refresh_token) {
    const again = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, options)
    say({ step: 'refresh', rotated: again.refresh_token !== undefined && again.refresh_token !== tokens.refresh_token })
    await client.tokenRevocation(config, again.refresh_token ?? tokens.refresh_token)
    await refused('revoked', () => client.refreshTokenGrant(config, again.refresh_token ?? tokens.refresh_token, undefined, options))
  }
  await refused('code again', () => client.authorizationCodeGrant(config, callback, checks, undefined, options))
  await refused('userinfo after the code was used again', () =>
    client.fetchUserInfo(config, tokens.access_token, claims.sub, options))
  if (job.after) {
    const gone = await browse(client.buildEndSessionUrl(config, {
      id_token_hint: tokens.id_token, post_logout_redirect_uri: job.after, state: 'gone',
    }))
    say({ step: 'logout', at: gone.href })
  }
  return 0
}

try {
  await run(await next())
  say({ step: 'done' })
  process.exit(0)
} catch (e) {
  say({ failed: String(e), code: e.code, error: e.error, description: e.error_description, cause: String(e.cause?.message ?? e.cause ?? '') })
  process.exit(1)
}
