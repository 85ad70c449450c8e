#!/usr/bin/env python3
"""Signs tokens with ES256. Runs in the environment that `tools.py` makes, for the standard library has no curves.

    es256.py key FILE          makes a key: FILE the private one, FILE.pub the public one; prints the public one's JWK
    es256.py sign FILE         reads claims from standard input, a JSON object a line, and prints a token for each
"""

import base64
import json
import sys

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def make(path):
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    for name, text in ((path, private), (path + ".pub", public)):
        with open(name, "wb") as file:
            file.write(text)
    point = key.public_key().public_numbers()
    x, y = (base64url(number.to_bytes(32, "big")) for number in (point.x, point.y))
    print(json.dumps({"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "x": x, "y": y}))


def sign(path):
    with open(path, "rb") as file:
        key = serialization.load_pem_private_key(file.read(), None)
    header = base64url(b'{"alg":"ES256","typ":"JWT"}')
    for claims in sys.stdin:
        signed = f"{header}.{base64url(claims.strip().encode())}"
        r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        print(f"{signed}.{base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}")


if __name__ == "__main__":
    {"key": make, "sign": sign}[sys.argv[1]](sys.argv[2])
