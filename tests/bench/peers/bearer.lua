-- HS256 bearer tokens in nginx: HMAC by libcrypto, constant-time comparison, issuer, audience, expiry.
local ffi = require "ffi"
local cjson = require "cjson.safe"

ffi.cdef [[
const void *EVP_sha256(void);
unsigned char *HMAC(const void *md, const void *key, int key_len, const char *data, size_t n, unsigned char *out, unsigned int *out_len);
int CRYPTO_memcmp(const void *a, const void *b, size_t n);
]]
local crypto = ffi.load("libcrypto.so.3")
local digest = ffi.new("unsigned char[64]")
local length = ffi.new("unsigned int[1]")

local M = {}

local function decode(text)
    return ngx.decode_base64((text:gsub("-", "+"):gsub("_", "/")) .. ("="):rep(-#text % 4))
end

local function refuse()
    ngx.header["www-authenticate"] = "Bearer"
    return ngx.exit(401)
end

function M.new(secret, issuer, audience)
    local self = {}
    function self.check()
        local field = ngx.var.http_authorization
        if not field or field:sub(1, 7):lower() ~= "bearer " then return refuse() end
        local head, claims, mac = field:sub(8):match("^([%w_-]+)%.([%w_-]+)%.([%w_-]+)$")
        if not head then return refuse() end
        local header = cjson.decode(decode(head) or "")
        if not header or header.alg ~= "HS256" then return refuse() end
        local signed = head .. "." .. claims
        crypto.HMAC(crypto.EVP_sha256(), secret, #secret, signed, #signed, digest, length)
        local given = decode(mac)
        if not given or #given ~= 32 or crypto.CRYPTO_memcmp(digest, given, 32) ~= 0 then return refuse() end
        local payload = cjson.decode(decode(claims) or "")
        if not payload or payload.iss ~= issuer or payload.aud ~= audience then return refuse() end
        if type(payload.exp) ~= "number" or payload.exp < ngx.time() or type(payload.sub) ~= "string" then return refuse() end
        ngx.var.user = payload.sub
    end
    return self
end

return M
