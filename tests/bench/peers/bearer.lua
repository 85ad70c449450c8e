-- Bearer tokens in nginx: HS256 or ES256 by libcrypto, constant-time comparison, issuer, audience, expiry.
local ffi = require "ffi"
local cjson = require "cjson.safe"

ffi.cdef [[
const void *EVP_sha256(void);
unsigned char *HMAC(const void *md, const void *key, int key_len, const char *data, size_t n, unsigned char *out, unsigned int *out_len);
int CRYPTO_memcmp(const void *a, const void *b, size_t n);
void *BIO_new_mem_buf(const void *buf, int len);
void *PEM_read_bio_PUBKEY(void *bio, void **x, void *cb, void *u);
void *EVP_MD_CTX_new(void);
void EVP_MD_CTX_free(void *ctx);
int EVP_DigestVerifyInit(void *ctx, void **pctx, const void *type, void *e, void *pkey);
int EVP_DigestVerify(void *ctx, const char *sig, size_t siglen, const char *tbs, size_t tbslen);
void ERR_clear_error(void);
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

local function hs256(secret)
    return function(signed, given)
        crypto.HMAC(crypto.EVP_sha256(), secret, #secret, signed, #signed, digest, length)
        return #given == 32 and crypto.CRYPTO_memcmp(digest, given, 32) == 0
    end
end

-- A DER integer of 32 bytes: without leading zeroes, and not negative.
local function integer(bytes)
    bytes = bytes:gsub("^%z+", "")
    if bytes == "" or bytes:byte(1) >= 128 then bytes = "\0" .. bytes end
    return "\2" .. string.char(#bytes) .. bytes
end

local function es256(pem)
    local key = crypto.PEM_read_bio_PUBKEY(crypto.BIO_new_mem_buf(pem, #pem), nil, nil, nil)
    assert(key ~= nil, "no public key")
    return function(signed, given)
        if #given ~= 64 then return false end
        local pair = integer(given:sub(1, 32)) .. integer(given:sub(33))
        local der = "\48" .. string.char(#pair) .. pair
        local ctx = crypto.EVP_MD_CTX_new()
        local good = crypto.EVP_DigestVerifyInit(ctx, nil, crypto.EVP_sha256(), nil, key) == 1
            and crypto.EVP_DigestVerify(ctx, der, #der, signed, #signed) == 1
        crypto.EVP_MD_CTX_free(ctx)
        if not good then crypto.ERR_clear_error() end
        return good
    end
end

function M.new(alg, file, issuer, audience)
    local opened = assert(io.open(file))
    local verify = (alg == "HS256" and hs256 or es256)(opened:read("*a"))
    opened:close()
    local self = {}
    function self.check()
        local field = ngx.var.http_authorization
        if not field or field:sub(1, 7):lower() ~= "bearer " then return refuse() end
        local head, claims, mac = field:sub(8):match("^([%w_-]+)%.([%w_-]+)%.([%w_-]+)$")
        if not head then return refuse() end
        local header = cjson.decode(decode(head) or "")
        if not header or header.alg ~= alg then return refuse() end
        local given = decode(mac)
        if not given or not verify(head .. "." .. claims, given) then return refuse() end
        local payload = cjson.decode(decode(claims) or "")
        if not payload or payload.iss ~= issuer or payload.aud ~= audience then return refuse() end
        if type(payload.exp) ~= "number" or payload.exp < ngx.time() or type(payload.sub) ~= "string" then return refuse() end
        ngx.var.user = payload.sub
    end
    return self
end

return M
