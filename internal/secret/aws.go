package secret

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// FromSecretsManager returns a Read of the secret with the given name or ARN. The AWS configuration is
// loaded, and the client created, by the first read, so that it overlaps with the function's start.
func FromSecretsManager(load func() (aws.Config, error), secretID string) Read {
	client := sync.OnceValues(func() (*secretsmanager.Client, error) {
		cfg, err := load()
		return secretsmanager.NewFromConfig(cfg, func(o *secretsmanager.Options) {
			if secret, err := arn.Parse(secretID); err == nil { // of a name, the region is the function's own
				o.Region = secret.Region
			}
		}), err
	})
	return func(ctx context.Context) (string, error) {
		c, err := client()
		if err != nil {
			return "", err
		}
		out, err := c.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(secretID)})
		if err != nil {
			return "", unquoted(err)
		}
		if value := cmp.Or(aws.ToString(out.SecretString), string(out.SecretBinary)); value != "" {
			return value, nil
		}
		return "", errors.New("the secret is empty")
	}
}

// unquoted returns an error of GetSecretValue that can be logged. The SDK's own errors quote what was received
// if it is not a proper answer, and that could be the secret.
func unquoted(err error) error {
	var refusal smithy.APIError
	var notSent *smithyhttp.RequestSendError
	var notDecoded *smithy.DeserializationError
	var network *net.OpError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &refusal):
		return fmt.Errorf("GetSecretValue: %s: %s", refusal.ErrorCode(), refusal.ErrorMessage())
	case errors.As(err, &notDecoded):
		return errors.New("GetSecretValue: the answer could not be decoded")
	case errors.As(err, &network):
		return fmt.Errorf("GetSecretValue: %w", network)
	case errors.As(err, &timeout) && timeout.Timeout():
		return errors.New("GetSecretValue: no answer in time")
	case errors.As(err, &notSent):
		return errors.New("GetSecretValue: the connection failed")
	}
	return err
}
