// Package dynamodb starts, for tests, the DynamoDB engine that AWS ships for laptops (DynamoDB Local), or moto's
// without Java.
package dynamodb

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// startWithin is how long the engine may take until it answers, on a busy machine.
const startWithin = 60 * time.Second

// Start starts an engine and returns its endpoint and how to stop it. The error names what is missing.
func Start() (endpoint string, stop func(), err error) {
	tools := filepath.Join(root(), ".tools")
	port, err := freePort()
	if err != nil {
		return "", nil, err
	}
	var cmd *exec.Cmd
	jars, _ := filepath.Glob(filepath.Join(tools, "dynamodb", "DynamoDBLocal-*.jar"))
	moto := filepath.Join(tools, "venv", "bin", "moto_server")
	if java, lookErr := exec.LookPath("java"); lookErr == nil && len(jars) > 0 {
		jars := filepath.Join(tools, "dynamodb")
		cmd = exec.CommandContext(context.Background(), java, "-Djava.library.path="+jars, "-cp", filepath.Join(jars, "*"),
			"com.amazonaws.services.dynamodbv2.local.main.ServerRunner", "-inMemory", "-sharedDb", "-disableTelemetry", "-port", strconv.Itoa(port))
	} else if _, statErr := os.Stat(moto); statErr == nil {
		cmd = exec.CommandContext(context.Background(), moto, "-H", "127.0.0.1", "-p", strconv.Itoa(port))
	} else {
		return "", nil, fmt.Errorf("no DynamoDB engine: neither Java with .tools/dynamodb nor .tools/venv")
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	endpoint = "http://127.0.0.1:" + strconv.Itoa(port)
	for deadline := time.Now().Add(startWithin); ; time.Sleep(50 * time.Millisecond) {
		if resp, err := http.Get(endpoint); err == nil {
			_ = resp.Body.Close()
			if err := warm(endpoint); err != nil {
				stop()
				return "", nil, err
			}
			return endpoint, stop, nil
		}
		if time.Now().After(deadline) {
			stop()
			return "", nil, fmt.Errorf("the DynamoDB engine did not start within %v", startWithin)
		}
	}
}

// warm sends requests until a Java that has just started is fast: the quota gives its table 300 ms.
func warm(endpoint string) error {
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	client := Client(endpoint)
	if err := CreateTable(ctx, client, "start"); err != nil {
		return err
	}
	for range 50 {
		item := map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "warm"}}
		if _, err := client.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("start"), Item: item}); err != nil {
			return err
		}
	}
	return nil
}

// Client returns a client of an engine.
func Client(endpoint string) *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{
		BaseEndpoint: &endpoint, Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
}

// CreateTable makes a table like that of template.yaml.
func CreateTable(ctx context.Context, client *dynamodb.Client, name string) error {
	_, err := client.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest,
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash}},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS}},
	})
	return err
}

func root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "..")
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}
