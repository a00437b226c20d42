#!/bin/sh
# `make secret`: asks for Junction's team key, stores it in Secrets Manager together with a generated token for HTTP
# callers, and writes the ARN of the secret to samconfig.toml. If the secret exists, only its ARN is written.
#
# The key and the token are never an argument of a command, because all users of a machine can see those.
set -eu
name=$1
config=$2

if ! arn=$(aws secretsmanager describe-secret --secret-id "$name" --query ARN --output text 2>&1); then
	case $arn in
	*ResourceNotFoundException*) ;;
	*)
		echo "$arn" >&2
		exit 1
		;;
	esac

	if [ -t 0 ]; then
		printf 'Junction team key (it is not shown): ' >&2
		trap 'stty echo' EXIT
		trap 'exit 1' INT TERM
		stty -echo
		read -r key
		stty echo
		trap - EXIT INT TERM
		echo >&2
	else
		read -r key
	fi
	case $key in
	*[!A-Za-z0-9_-]*) key='' ;;
	pk_us_?* | pk_eu_?* | sk_us_?* | sk_eu_?*) ;;
	*) key='' ;;
	esac
	if [ -z "$key" ]; then
		echo 'This is not a team key of Junction: it begins with pk_us_, pk_eu_, sk_us_ or sk_eu_.' >&2
		exit 1
	fi

	token=$(head -c 32 /dev/urandom | base64 | tr -d '=\n' | tr '+/' '-_')
	arn=$(printf '{"api_key":"%s","tokens":["%s"]}' "$key" "$token" |
		aws secretsmanager create-secret --name "$name" --description "Junction's team key and the callers of junction-refresh" \
			--secret-string file:///dev/stdin --query ARN --output text)
	echo "Created the secret $name." >&2
else
	echo "The secret $name exists, and was not changed." >&2
fi

if ! grep -q '^\(# \)\{0,1\}JunctionSecretArn = ' "$config"; then
	echo "Set this parameter in $config: JunctionSecretArn = \"$arn\"" >&2
	exit 1
fi
edited=$(sed "s|^\(# \)\{0,1\}JunctionSecretArn = \"[^\"]*\"|JunctionSecretArn = \"$arn\"|" "$config")
printf '%s\n' "$edited" >"$config"
echo "Wrote its ARN to $config: $arn" >&2
