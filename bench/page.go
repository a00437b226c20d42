//go:build linux

package main

import (
	"bytes"
	_ "embed" // for page.md
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"text/template"
	"time"

	"github.com/junction-refresh/junction-refresh/bench/standin"
)

//go:embed page.md
var pageText string

// writePage writes performance.md and performance/ into a folder. If it is the folder docs, it also writes the summary into
// README.md.
func (b *bench) writePage(folder string) error {
	raw := filepath.Join(folder, "performance")
	if err := os.MkdirAll(raw, 0o755); err != nil {
		return err
	}
	if err := b.writeRaw(raw); err != nil {
		return err
	}
	plots := exec.Command(filepath.Join(b.tools, "plots", "bin", "python"), "bench/plots/plots.py", raw)
	plots.Stderr = os.Stderr
	if err := plots.Run(); err != nil {
		return fmt.Errorf("plots: %w", err)
	}
	parsed, err := template.New("page").Parse(pageText)
	if err != nil {
		return err
	}
	var page bytes.Buffer
	if err := parsed.Execute(&page, b); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, "performance.md"), page.Bytes(), 0o644); err != nil {
		return err
	}
	if folder != "docs" {
		return nil
	}
	return b.writeSummary("README.md")
}

var summaryPlace = regexp.MustCompile(`(?s)<!-- performance -->\n.*?<!-- end -->`)

// writeSummary writes the summary to its place in a page.
func (b *bench) writeSummary(name string) error {
	page, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if !summaryPlace.Match(page) {
		return fmt.Errorf("%s has no place for the summary", name)
	}
	page = summaryPlace.ReplaceAllLiteral(page, []byte("<!-- performance -->\n"+b.Summary()+"\n<!-- end -->"))
	return os.WriteFile(name, page, 0o644)
}

// The methods below are what page.md calls.

// Summary is the first sentence of the page, and the one in README.md.
func (b *bench) Summary() string {
	lowest := memories[0]
	return fmt.Sprintf("With %d MB of memory, a new instance has answered its first event %.0f ms after its start, with the secret, the quota, the queue and the bus on. "+
		"A function that does nothing but call Junction takes %.0f ms in Go, %.0f ms with Junction's TypeScript SDK (%.1f times as long as this function) and %.0f ms with its Python SDK (%.1f times).",
		lowest, ms(b.results.total(ours, lowest)), ms(b.results.total(bare, lowest)), ms(b.results.total(typescript, lowest)),
		b.results.ratio(typescript, ours, lowest), ms(b.results.total(python, lowest)), b.results.ratio(python, ours, lowest))
}

// Contenders is the table of the first answer with the least memory, and of a warm instance.
func (b *bench) Contenders() string {
	t := newTable("128 MB", "start", "first answer", "both", "÷ ours", "second answer", "warm (1,769 MB)", "resident", "zip")
	for i, contender := range contenders {
		start, first, second := b.results.answers(contender, memories[0], false)
		p50, rss := b.results.warm(contender)
		t.add(contender, whole(ms(start)), whole(ms(first)), "**"+whole(ms(b.results.total(contender, memories[0])))+"**",
			fmt.Sprintf("%.1f", b.results.ratio(contender, ours, memories[0])), whole(ms(second)), fmt.Sprintf("%.1f ms", ms(p50)),
			fmt.Sprintf("%.0f MiB", rss), fmt.Sprintf("%.2f MB", b.results.Zips[i].MB))
	}
	return t.String()
}

// Bars is the table of all figures with their bars.
func (b *bench) Bars() string {
	t := newTable("figure", "measured", "bar", "")
	for _, f := range b.report.Figures {
		verdict := f.Verdict()
		if !f.Met {
			verdict = "**" + verdict + "**"
		}
		t.add(f.Name, f.Value, f.Bar, verdict)
	}
	return t.String()
}

// Behind reports whether the figure whose name begins with prefix misses its bar.
func (b *bench) Behind(prefix string) bool {
	for _, f := range b.report.Figures {
		if strings.HasPrefix(f.Name, prefix) {
			return !f.Met
		}
	}
	return false
}

// Floor is how long the start and the first answer of this function wait for the network: two round trips for each connection
// before its first request, which the connection to Junction and that for the secret make, the read of the secret, a write
// to the table before the refresh and one after it, the refresh itself, and the event.
func (b *bench) Floor() time.Duration { return 3*b.away.Junction + 6*b.away.AWS }

// Most is how many times as long as Floor a contender takes with the least memory.
func (b *bench) Most(contender string) string {
	return fmt.Sprintf("%.1f", ms(b.results.total(contender, memories[0]))/ms(b.Floor()))
}

// Totals is the table of the first answers by memory size.
func (b *bench) Totals() string {
	return byMemory(func(contender string, memory int) string {
		start, first, _ := b.results.answers(contender, memory, false)
		return fmt.Sprintf("%.0f + %.0f ms", ms(start), ms(first))
	})
}

// Seconds is the table of the second answers.
func (b *bench) Seconds() string {
	return byMemory(func(contender string, memory int) string {
		_, _, second := b.results.answers(contender, memory, false)
		return whole(ms(second))
	})
}

func byMemory(cell func(contender string, memory int) string) string {
	t := newTable("")
	for _, memory := range memories {
		t.head = append(t.head, fmt.Sprintf("%d MB", memory))
	}
	for _, contender := range contenders {
		row := []string{contender}
		for _, memory := range memories {
			row = append(row, cell(contender, memory))
		}
		t.add(row...)
	}
	return t.String()
}

// Batches is the table of the batches by memory size.
func (b *bench) Batches() string {
	t := newTable("batch of 100, Junction takes 1 s", "first", "later ones", "refreshes without the quota")
	for _, memory := range memories[:4] {
		first, later, without := b.results.batches(memory)
		count := 0
		for _, one := range b.results.Batches {
			if one.Memory == memory {
				count++
			}
		}
		t.add(fmt.Sprintf("%d MB", memory), fmt.Sprintf("%.2f s", first.Seconds()), fmt.Sprintf("%.2f s", later.Seconds()),
			fmt.Sprintf("%d of %d", without, count*batchSize))
	}
	return t.String()
}

// Processor is the table of the processor time of a refresh in a later batch, by what the instance does not have.
func (b *bench) Processor() string {
	t := newTable("an instance without", "processor time of a refresh")
	for _, without := range withouts {
		name := without.name
		if name == "" {
			name = "nothing: every feature is on"
		}
		t.add(name, fmt.Sprintf("%.0f µs", ms(b.results.cpu(without.name))*1000))
	}
	return t.String()
}

// Share is how a share of a processor was granted.
func (b *bench) Share() string { return b.share.Name() }

// Signals is the table that compares the stand-in for control groups with one, and empty if only one of them was measured.
func (b *bench) Signals() string {
	t := newTable("first answer at 128 MB, signals ÷ control group")
	row := []string{""}
	for _, contender := range contenders {
		ratio := b.results.signalsRatio(contender)
		if ratio == 0 {
			return ""
		}
		t.head, row = append(t.head, contender), append(row, fmt.Sprintf("%.2f", ratio))
	}
	t.add(row...)
	return t.String()
}

// Runs is how often the first answer was measured.
func (b *bench) Runs() int { return b.runs }

// Away are the distances.
func (b *bench) Away() standin.Distances { return b.away }

// Machine names the machine and the programs on it.
func (b *bench) Machine() string {
	return fmt.Sprintf("%d × %s, %s, Node.js %s, %s", runtime.NumCPU(), processorName(), runtime.Version(),
		printed("node", "--version"), printed(filepath.Join(b.tools, "peer-python", "bin", "python"), "--version"))
}

// SDKs names the versions of the contenders.
func (b *bench) SDKs() string {
	found := func(file, pattern string) string {
		text, _ := os.ReadFile(file)
		return string(regexp.MustCompile(pattern).Find(text))
	}
	return strings.ReplaceAll(found("bench/peers/typescript/package.json", `@junction-api/sdk": "[^"]+`), `": "`, " ") + ", " +
		strings.ReplaceAll(found("bench/peers/python/requirements.in", `junction-api-sdk==\S+`), "==", " ")
}

func processorName() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	if found := regexp.MustCompile(`(?m)^model name\s*: (.*)$`).FindSubmatch(text); found != nil {
		return string(found[1])
	}
	return runtime.GOARCH
}

func printed(name string, arguments ...string) string {
	out, _ := exec.Command(name, arguments...).Output()
	return strings.TrimSpace(string(out))
}

func whole(milliseconds float64) string { return fmt.Sprintf("%.0f ms", milliseconds) }

// table is a table in Markdown.
type table struct {
	head []string
	rows [][]string
}

func newTable(head ...string) *table { return &table{head: head} }

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "| %s |\n|%s", strings.Join(t.head, " | "), strings.Repeat(" --- |", len(t.head)))
	for _, row := range t.rows {
		fmt.Fprintf(&text, "\n| %s |", strings.Join(row, " | "))
	}
	return text.String()
}
