# Unpacks the PgBouncer of Debian 13, with the libraries it needs, into the folder that this runs in, and changes nothing else:
# for systems of the family whose own one is older. It comes from the mirror that the system uses.

set -e

here=$(pwd)
keys=/usr/share/keyrings/debian-archive-keyring.gpg
[ -r "$keys" ] || { echo "there are no keys of Debian ($keys)" >&2; exit 1; }
mirror=$(apt-get indextargets --no-release-info --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -n 1)
[ -n "$mirror" ] || { echo "apt-get knows no mirror" >&2; exit 1; }

mkdir -p apt/lists/partial apt/cache/archives/partial apt/parts apt/packages
echo "deb [signed-by=$keys] $mirror trixie main" >apt/sources.list
cat >apt/conf <<END
Dir::Etc::SourceList "$here/apt/sources.list";
Dir::Etc::SourceParts "$here/apt/parts";
Dir::State::Lists "$here/apt/lists";
Dir::Cache "$here/apt/cache";
APT::Sandbox::User "";
END
export APT_CONFIG="$here/apt/conf"
apt-get --quiet update
(
    cd apt/packages
    apt-get --quiet download pgbouncer libaudit1 libc6 libcap-ng0 libcap2 libcares2 libevent-2.1-7t64 libpam0g \
        libssl3t64 libsystemd0 libzstd1 zlib1g
)
for package in apt/packages/*.deb; do
    dpkg-deb --extract "$package" root
done
rm -r apt

cat >pgbouncer <<'END'
#!/bin/sh
# With its own loader and libraries, whatever the system has.
root=$(dirname "$(readlink -f "$0")")/root
for loader in "$root"/usr/lib/*/ld-linux-*.so.*; do
    exec "$loader" --library-path "${loader%/*}" "$root/usr/sbin/pgbouncer" "$@"
done
END
chmod 755 pgbouncer
./pgbouncer --version
