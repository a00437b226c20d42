#!/bin/sh
# `make canary`: refreshes one user through the stack's HTTP API or, if it has none, through its function URL, as a caller
# would. It prints the HTTP status and the result's, and succeeds only if the user was refreshed. The refresh counts toward
# the user's quota: a stored result will not do.
#
# The token and the AWS credentials are never an argument of a command, because all users of a machine can see those.
set -eu
stack=$1
user=$2

if [ -z "$user" ]; then
	echo 'Which user? make canary USER_ID=…, with the ID of a user of Junction for tests.' >&2
	exit 2
fi

described=$(aws cloudformation describe-stacks --stack-name "$stack" --output text --query "Stacks[0].[StackId,
	Outputs[?OutputKey=='HttpApiUrl'].OutputValue | [0], Parameters[?ParameterKey=='HttpApiAuthorizer'].ParameterValue | [0],
	Outputs[?OutputKey=='FunctionUrl'].OutputValue | [0], Parameters[?ParameterKey=='FunctionUrlAuthType'].ParameterValue | [0],
	Parameters[?ParameterKey=='JunctionSecretArn'].ParameterValue | [0]]")
# shellcheck disable=SC2086 # six words, of which those that are not there are None
set -- $described
region=$(echo "$1" | cut -d : -f 4) secret=$6
if [ "$2" != None ]; then
	url=$2 auth=$3 service=execute-api
elif [ "$4" != None ]; then
	url=${4%/} auth=$5 service=lambda
else
	echo "The stack $stack has neither an HTTP API nor a function URL." >&2
	exit 2
fi

# identify prints curl's settings that identify the caller.
identify() {
	if [ "$auth" = AWS_IAM ]; then
		eval "$(aws configure export-credentials --format env)"
		printf 'aws-sigv4 = "aws:amz:%s:%s"\nuser = "%s:%s"\n' "$region" "$service" "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY"
		[ -z "${AWS_SESSION_TOKEN:-}" ] || printf 'header = "x-amz-security-token: %s"\n' "$AWS_SESSION_TOKEN"
	else
		aws secretsmanager get-secret-value --region "$(echo "$secret" | cut -d : -f 4)" --secret-id "$secret" \
			--query SecretString --output text |
			tr -d '[:space:]' | sed -n 's/.*"tokens":\["\([^"]*\)".*/header = "x-vital-api-key: \1"/p'
	fi
}

newline='
'
answer=$(identify | curl --silent --show-error --config - --max-time 60 --request POST --write-out '\n%{http_code}' \
	"$url/v2/user/refresh/$user?max_age=0&timeout=20")
code=${answer##*"$newline"} body=${answer%"$newline"*}
echo "HTTP $code $(echo "$body" | sed -n 's/.*"status":"\([a-z_]*\)".*/\1/p')"
case $code/$body in
200/*'"success":true'* | 202/*'"success":true'*) ;;
*)
	echo "$body" >&2
	exit 1
	;;
esac
