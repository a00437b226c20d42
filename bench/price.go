//go:build linux

package main

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/junction-refresh/junction-refresh/bench/standin"
	"github.com/junction-refresh/junction-refresh/test/harness/dynamodb"
)

// zipped is the size of a contender's deployment package for arm64 (template.yaml's default), in MB.
type zipped struct {
	Contender string
	MB        float64
}

func (b *bench) measurePrice() error {
	for _, contender := range contenders {
		size, err := b.zip(contender)
		if err != nil {
			return err
		}
		b.results.Zips = append(b.results.Zips, zipped{contender, float64(size) / 1e6})
		fmt.Printf("zip      %-28s %6.1f MB\n", contender, float64(size)/1e6)
	}
	b.report.atMost("zip of the function for arm64", "%.2f MB", b.results.Zips[0].MB, 4.3, 4.5)
	units, err := b.writeUnits()
	if err != nil {
		fmt.Println("the write units are not measured:", err)
	} else {
		b.report.atMost("write units of a refresh, 30 sources", "%.0f", float64(units), 2, 4)
	}
	dollars, err := dollarsPerMillion()
	if err != nil {
		fmt.Println("the price is not known:", err)
		return nil
	}
	// No guard: the calculator decides, and no measurement.
	b.report.atMost("dollars for a million refreshes of 10 s, results published", "%.2f", dollars, 2.80, 0)
	return nil
}

// largeUser has largeSources sources, and is refreshed largeCalls times within the quota's window.
const (
	largeSources = 30
	largeCalls   = 8
)

// writeUnits returns the write units that DynamoDB bills for a refresh of a user with largeSources sources: the number of
// writes, times the units of the item that they leave behind, as AWS's own engine counts them.
func (b *bench) writeUnits() (units int, err error) {
	ctx := context.Background()
	endpoint, stop, err := dynamodb.Start()
	if err != nil {
		return 0, err
	}
	defer stop()
	client := dynamodb.Client(endpoint)
	if err := dynamodb.CreateTable(ctx, client, "bench"); err != nil {
		return 0, err
	}
	services, err := standin.NewServices(junction(0, largeSources), b.away)
	if err != nil {
		return 0, err
	}
	defer services.Close()
	counted, writes, err := countWrites(endpoint)
	if err != nil {
		return 0, err
	}
	defer counted.Close()
	services.UseTable(counted.URL)
	instance, err := standin.Start(b.function(ours, services), b.share, standin.WholeProcessor)
	if err != nil {
		return 0, err
	}
	defer instance.Stop()
	for range largeCalls {
		if _, err := instance.Invoke(fmt.Sprintf(`{"user_id":%q,"max_age":0}`, user(1)), `"coalesced":false`); err != nil {
			return 0, err
		}
	}
	items, err := client.Scan(ctx, &awsdynamodb.ScanInput{TableName: aws.String("bench")})
	if err != nil {
		return 0, err
	}
	if len(items.Items) != 1 {
		return 0, fmt.Errorf("%d items in the table", len(items.Items))
	}
	put, err := client.PutItem(ctx, &awsdynamodb.PutItemInput{
		TableName: aws.String("bench"), Item: items.Items[0], ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal})
	if err != nil {
		return 0, err
	}
	if put.ConsumedCapacity == nil || writes.Load()%largeCalls != 0 {
		return 0, fmt.Errorf("%d writes for %d refreshes, capacity %v", writes.Load(), largeCalls, put.ConsumedCapacity)
	}
	return int(writes.Load()) / largeCalls * int(*put.ConsumedCapacity.CapacityUnits), nil
}

// countWrites returns a server that counts the writes and hands everything on to the engine.
func countWrites(endpoint string) (server *httptest.Server, writes *atomic.Int64, err error) {
	engine, err := url.Parse(endpoint)
	if err != nil {
		return nil, nil, err
	}
	writes = new(atomic.Int64)
	proxy := httputil.NewSingleHostReverseProxy(engine)
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, call, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		if slices.Contains([]string{"UpdateItem", "PutItem", "DeleteItem"}, call) {
			writes.Add(1)
		}
		proxy.ServeHTTP(w, r)
	})), writes, nil
}

// dollarsPerMillion returns the price of a million refreshes of a team of a million users. The calculator in bench/scale
// has computed it, and a test holds that docs/scale.md has what it computes.
func dollarsPerMillion() (float64, error) {
	page, err := os.ReadFile("docs/scale.md")
	if err != nil {
		return 0, err
	}
	found := regexp.MustCompile(`(?m)^\| 1,000,000 \|.*\| \$([0-9.]+) \|$`).FindSubmatch(page)
	if found == nil {
		return 0, errors.New("docs/scale.md has no price for a team of 1,000,000")
	}
	return strconv.ParseFloat(string(found[1]), 64)
}

// zip returns the size of what is deployed of a contender: without what Lambda's runtimes have.
func (b *bench) zip(contender string) (size int64, err error) {
	switch contender {
	case ours:
		return zipSize(filepath.Join(b.build, "arm64", "bootstrap"), nil)
	case bare:
		return zipSize(filepath.Join(b.build, "arm64", "bare"), nil)
	case typescript:
		return zipSize(filepath.Join(b.build, "typescript", "client.cjs"), nil)
	case userClient:
		return zipSize(filepath.Join(b.build, "typescript", "user.cjs"), nil)
	}
	packages, err := filepath.Glob(filepath.Join(b.tools, "peer-python", "lib", "*", "site-packages"))
	if err != nil || len(packages) != 1 {
		return 0, fmt.Errorf("no packages for Python: %w", err)
	}
	return zipSize(packages[0], regexp.MustCompile(`^(awslambdaric|runtime_client|simplejson|snapshot_restore|pip|setuptools|_distutils|distutils|__pycache__)`))
}

// zipSize returns the size of a file or folder after compression, without the names in it that match without.
func zipSize(path string, without *regexp.Regexp) (int64, error) {
	var size counter
	archive := zip.NewWriter(&size)
	err := filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if without != nil && without.MatchString(entry.Name()) {
			if entry.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		to, err := archive.Create(filepath.Base(name))
		if err != nil {
			return err
		}
		from, err := os.Open(name)
		if err != nil {
			return err
		}
		_, err = io.Copy(to, from)
		return errors.Join(err, from.Close())
	})
	return int64(size), errors.Join(err, archive.Close())
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
