"""A certificate authority of this home, and a certificate of this computer that it signs: https for phones in a lab.

Phones give pages their camera over https only, and no public authority signs for a computer in a local network.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from robotdata.secret_files import write_secret

AUTHORITY_DAYS = 3650
CERTIFICATE_DAYS = 397
"""Apple's devices trust no certificate that is valid for much longer."""
RENEW_DAYS = 30
_NETWORKS = [
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "100.64.0.0/10",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
]
"""Private, loopback and link-local ones, and the shared ones of overlay networks: nobody's site is there."""
_DOMAINS = ["localhost", "local", "lan", "home.arpa", "internal"]
"""Of these nobody owns a name in public; with all names below them."""
_CLOCKS_APART = timedelta(hours=25)


@dataclass(frozen=True, slots=True)
class LocalTls:
    """The files: `authority` is what other devices must trust, `certificate` with `key` what the server shows."""

    authority: Path
    certificate: Path
    key: Path


def prepare(folder: Path, names: Sequence[str]) -> LocalTls:
    """Return the files in `folder`, readable by this user only; make what is missing, expires soon or lacks a name.

    `names` are host names and IP addresses. The authority stays, because devices trust it, unless it may not sign for
    one of them: it signs for local names and addresses, and for those that this computer had when it was made. Raises
    OSError.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    tls = LocalTls(folder / "robotdata-ca.pem", folder / "server.pem", folder / "server.key")
    authority_key = folder / "robotdata-ca.key"
    made = _read(tls.authority, authority_key)
    if made is None or not _lasts(made[0]) or not _may_sign(made[0], names):
        made = _make_authority(tls.authority, authority_key, names)
    authority = made
    server = _read(tls.certificate, tls.key)
    if server is None or not _fits(server[0], authority[0], names):
        _make_certificate(tls, authority, names)
    return tls


Pair = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def _read(certificate: Path, key: Path) -> Pair | None:
    """Return what the files hold; None if one is missing or damaged, or they do not belong together."""
    try:
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
        private = serialization.load_pem_private_key(key.read_bytes(), None)
    except (FileNotFoundError, ValueError):
        return None
    if not isinstance(private, ec.EllipticCurvePrivateKey) or private.public_key() != found.public_key():
        return None
    return found, private


def _lasts(certificate: x509.Certificate) -> bool:
    return certificate.not_valid_after_utc > datetime.now(UTC) + timedelta(days=RENEW_DAYS)


def _fits(certificate: x509.Certificate, authority: x509.Certificate, names: Sequence[str]) -> bool:
    """Return whether the certificate lasts, is of this authority, and is good for all these names."""
    try:
        certificate.verify_directly_issued_by(authority)
        known = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except Exception:  # noqa: BLE001  another authority, or no certificate of ours: make a new one
        return False
    return _lasts(certificate) and {_general_name(name) for name in names} <= set(known)


def _may_sign(authority: x509.Certificate, names: Sequence[str]) -> bool:
    """Return whether the authority is limited, so that a copy of its key cannot pass for any site, and to what fits."""
    try:
        limits = authority.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    except x509.ExtensionNotFound:
        return False
    return all(any(_covers(limit, _general_name(name)) for limit in limits) for name in names)


def _covers(limit: x509.GeneralName, name: x509.GeneralName) -> bool:
    if isinstance(limit, x509.IPAddress) and isinstance(name, x509.IPAddress):
        network = limit.value
        return isinstance(network, ipaddress.IPv4Network | ipaddress.IPv6Network) and name.value in network
    if isinstance(limit, x509.DNSName) and isinstance(name, x509.DNSName):
        return f".{name.value}".lower().endswith(f".{limit.value}".lower())
    return False


def _limits(names: Sequence[str]) -> x509.NameConstraints:
    """Return what the authority may sign for: what is local, and `names` that are not."""
    limits: list[x509.GeneralName] = [x509.IPAddress(ipaddress.ip_network(network)) for network in _NETWORKS]
    limits += [x509.DNSName(domain) for domain in _DOMAINS]
    for name in map(_general_name, names):
        if not any(_covers(limit, name) for limit in limits):
            is_address = isinstance(name, x509.IPAddress)
            limits.append(x509.IPAddress(ipaddress.ip_network(name.value)) if is_address else name)
    return x509.NameConstraints(permitted_subtrees=limits, excluded_subtrees=None)


def _make_authority(path: Path, key_path: Path, names: Sequence[str]) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"robotdata on {socket.gethostname()}")
    usage = {"key_cert_sign": True, "crl_sign": True}
    builder = _builder(name, name, key, AUTHORITY_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_limits(names), critical=True)
    certificate = builder.add_extension(_usage(**usage), critical=True).sign(key, hashes.SHA256())
    _write_key(key_path, key)
    write_secret(path, certificate.public_bytes(serialization.Encoding.PEM))
    return certificate, key


def _make_certificate(tls: LocalTls, authority: Pair, names: Sequence[str]) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    issuer, issuer_key = authority
    builder = _builder(_name(names[0]), issuer.subject, key, CERTIFICATE_DAYS)
    builder = builder.add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
    )
    certificate = builder.add_extension(_usage(digital_signature=True), critical=True).sign(issuer_key, hashes.SHA256())
    _write_key(tls.key, key)
    write_secret(tls.certificate, certificate.public_bytes(serialization.Encoding.PEM))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - _CLOCKS_APART)
    builder = builder.not_valid_after(now - _CLOCKS_APART + timedelta(days=days))
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)


def _usage(**allowed: bool) -> x509.KeyUsage:
    names = ["digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"]
    names += ["key_cert_sign", "crl_sign", "encipher_only", "decipher_only"]
    return x509.KeyUsage(**{name: allowed.get(name, False) for name in names})


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name.strip("[]")))
    except ValueError:
        return x509.DNSName(name.encode("idna").decode())


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    kind = serialization.PrivateFormat.PKCS8
    write_secret(path, key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption()))
