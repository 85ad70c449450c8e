#!/usr/bin/env python3
"""Makes an authority and a certificate for 127.0.0.1. Runs in the environment that `tools.py` makes.

    certificate.py FOLDER      writes authority.pem, chain.pem, chain.key, and both.pem with the last two
"""

import datetime
import ipaddress
import os
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


def named(name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def built(subject, issuer, key, signed_by, extensions):
    now = datetime.datetime.now(datetime.timezone.utc)
    made = x509.CertificateBuilder().subject_name(named(subject)).issuer_name(named(issuer)).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number())
    made = made.not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=60))
    for extension, critical in extensions:
        made = made.add_extension(extension, critical)
    return made.sign(signed_by, hashes.SHA256())


def make(folder):
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    usage = dict.fromkeys(
        ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
         "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"), False
    )
    root = built("bench authority", "bench authority", root_key, root_key, [
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (x509.KeyUsage(**usage | {"key_cert_sign": True}), True),
        (x509.SubjectKeyIdentifier.from_public_key(root_key.public_key()), False),
    ])
    leaf = built("127.0.0.1", "bench authority", key, root_key, [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False),
        (x509.KeyUsage(**usage | {"digital_signature": True}), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), False),
    ])
    chain = leaf.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for name, text in (
        ("authority.pem", root.public_bytes(serialization.Encoding.PEM)),
        ("chain.pem", chain), ("chain.key", private), ("both.pem", chain + private),
    ):
        file = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(file, "wb") as out:
            out.write(text)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
