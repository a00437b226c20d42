package deploy

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// values are the values of a template's parameters.
type values map[string]string

// created is what CloudFormation creates of a template with the values of its parameters: the resources whose condition
// holds, with every function resolved. A test's own evaluator, so that all combinations take seconds.
type created struct {
	document
	t          *testing.T
	values     values
	conditions map[string]bool
	Properties map[string]map[string]any // by resource
	missing    []string                  // references to what is not created
}

// noValue is what AWS::NoValue leaves: nothing.
type noValue struct{}

const stackID = "arn:aws:cloudformation:us-east-1:123456789012:stack/" + stackName + "/11111111-2222-3333-4444-555555555555"

func create(t *testing.T, d document, given values) *created {
	t.Helper()
	c := &created{document: d, t: t, values: values{}, conditions: map[string]bool{}, Properties: map[string]map[string]any{}}
	for name, parameter := range d.Parameters {
		if c.values[name] = fmt.Sprint(parameter.Default); parameter.Default == nil {
			c.values[name] = "arn:aws:secretsmanager:us-east-1:123456789012:secret:junction/team-key-a1b2c3" // the one that is required
		}
	}
	maps.Copy(c.values, given)
	for name, r := range d.Resources {
		if c.exists(r.Condition) {
			c.Properties[name] = c.resolve(name, r.Properties).(map[string]any)
		}
	}
	for name, output := range d.Outputs {
		if c.exists(output.Condition) {
			c.resolve("the output "+name, output.Value)
		}
	}
	return c
}

func (c *created) exists(condition string) bool {
	return condition == "" || c.holds(map[string]any{"Condition": condition})
}

// holds reports whether a condition is true.
func (c *created) holds(condition any) bool {
	function, argument := only(condition.(map[string]any))
	if function == "Condition" {
		name := argument.(string)
		if _, known := c.conditions[name]; !known {
			c.conditions[name] = c.holds(c.Conditions[name])
		}
		return c.conditions[name]
	}
	of := argument.([]any)
	switch function {
	case "Fn::Equals":
		return fmt.Sprint(c.resolve("a condition", of[0])) == fmt.Sprint(c.resolve("a condition", of[1]))
	case "Fn::Not":
		return !c.holds(of[0])
	case "Fn::And":
		return !slices.ContainsFunc(of, func(one any) bool { return !c.holds(one) })
	case "Fn::Or":
		return slices.ContainsFunc(of, c.holds)
	}
	c.t.Fatalf("unknown function %s of a condition", function)
	return false
}

// only returns the function of a value such as {"Ref": …} and its argument.
func only(value map[string]any) (function string, argument any) {
	for function, argument = range value {
	}
	return function, argument
}

var substitution = regexp.MustCompile(`\$\{([^!}][^}]*)\}`)

// resolve returns a value of the resource or output named where, with its functions resolved.
func (c *created) resolve(where string, value any) any {
	switch value := value.(type) {
	case []any:
		list := []any{}
		for _, one := range value {
			if one = c.resolve(where, one); one != (noValue{}) {
				list = append(list, one)
			}
		}
		return list
	case map[string]any:
		if function, argument := only(value); len(value) == 1 && (function == "Ref" || strings.HasPrefix(function, "Fn::")) {
			return c.call(where, function, argument)
		}
		object := map[string]any{}
		for name, one := range value {
			if one = c.resolve(where, one); one != (noValue{}) {
				object[name] = one
			}
		}
		return object
	}
	return value
}

func (c *created) call(where, function string, argument any) any {
	of, _ := argument.([]any)
	switch function {
	case "Ref":
		return c.ref(where, argument.(string))
	case "Fn::GetAtt":
		return c.attribute(where, fmt.Sprint(of[0])+"."+fmt.Sprint(of[1]))
	case "Fn::If":
		if c.exists(of[0].(string)) {
			return c.resolve(where, of[1])
		}
		return c.resolve(where, of[2])
	case "Fn::Sub":
		format, isFormat := argument.(string)
		own := map[string]any{}
		if !isFormat {
			format, own = of[0].(string), of[1].(map[string]any)
		}
		return substitution.ReplaceAllStringFunc(format, func(variable string) string {
			name := variable[2 : len(variable)-1]
			if value, found := own[name]; found {
				return fmt.Sprint(c.resolve(where, value))
			}
			if strings.Contains(name, ".") {
				return c.attribute(where, name)
			}
			return fmt.Sprint(c.ref(where, name))
		})
	case "Fn::Join":
		var parts []string
		for _, part := range c.resolve(where, of[1]).([]any) {
			parts = append(parts, fmt.Sprint(part))
		}
		return strings.Join(parts, of[0].(string))
	case "Fn::Split":
		list := []any{}
		for part := range strings.SplitSeq(fmt.Sprint(c.resolve(where, of[1])), of[0].(string)) {
			list = append(list, part)
		}
		return list
	case "Fn::Select":
		return c.resolve(where, of[1]).([]any)[int(of[0].(float64))]
	case "Fn::FindInMap":
		row, column := fmt.Sprint(c.resolve(where, of[1])), fmt.Sprint(c.resolve(where, of[2]))
		return c.Mappings[of[0].(string)][row][column]
	}
	c.t.Fatalf("%s: unknown function %s", where, function)
	return nil
}

func (c *created) ref(where, name string) any {
	switch name {
	case "AWS::NoValue":
		return noValue{}
	case "AWS::StackId":
		return stackID
	case "AWS::StackName":
		return stackName
	}
	if value, found := c.values[name]; found {
		if c.Parameters[name].Type != "CommaDelimitedList" {
			return value
		}
		list := []any{}
		for one := range strings.SplitSeq(value, ",") {
			list = append(list, one)
		}
		return list
	}
	if strings.HasPrefix(name, "AWS::") {
		return name
	}
	c.needs(where, name)
	if c.Resources[name].Type == "AWS::SQS::Queue" {
		return "https://sqs.us-east-1.amazonaws.com/123456789012/" + name
	}
	return name
}

func (c *created) attribute(where, name string) string {
	resource, _, _ := strings.Cut(name, ".")
	c.needs(where, resource)
	return name
}

// needs notes a reference to a resource that is not created.
func (c *created) needs(where, name string) {
	if r, found := c.Resources[name]; !found || !c.exists(r.Condition) {
		c.missing = append(c.missing, where+" refers to "+name)
	}
}

// switches returns the values of each parameter that a condition looks at: its allowed values or, if there is no list, its
// default, what it is compared with, and one more.
func switches(t *testing.T, d document) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	var search func(any)
	search = func(value any) {
		switch value := value.(type) {
		case []any:
			for _, one := range value {
				search(one)
			}
		case map[string]any:
			if of, ok := value["Fn::Equals"].([]any); ok {
				name := regexp.MustCompile(`"Ref":"(\w+)"`).FindStringSubmatch(text(of[0]))
				literal, isLiteral := of[1].(string)
				if _, constant := of[0].(string); constant && isLiteral {
					return
				}
				if name == nil || !isLiteral {
					t.Fatalf("a condition that compares %s, which this test cannot switch", text(of))
				}
				parameter := d.Parameters[name[1]]
				found[name[1]] = append(found[name[1]], fmt.Sprint(parameter.Default), literal)
				if parameter.AllowedValues == nil {
					found[name[1]] = append(found[name[1]], "other")
				}
				for _, allowed := range parameter.AllowedValues {
					found[name[1]] = append(found[name[1]], fmt.Sprint(allowed))
				}
			}
			for _, one := range value {
				search(one)
			}
		}
	}
	for _, condition := range d.Conditions {
		search(condition)
	}
	for name, all := range found {
		slices.Sort(all)
		found[name] = slices.Compact(all)
	}
	return found
}

// eachPair calls check with the defaults, and with each combination of two switches.
func eachPair(t *testing.T, d document, check func(t *testing.T, given values)) {
	t.Helper()
	of := switches(t, d)
	names := slices.Sorted(maps.Keys(of))
	for i, first := range names {
		for _, second := range names[i+1:] {
			for _, a := range of[first] {
				for _, b := range of[second] {
					if check(t, values{first: a, second: b}); t.Failed() {
						t.Fatalf("with %s=%q and %s=%q", first, a, second, b)
					}
				}
			}
		}
	}
}

func TestNothingRefersToAResourceThatIsNotCreated(t *testing.T) {
	t.Parallel()
	d := readTemplate(t, "template.yaml").Deployed
	was := map[string]map[bool]bool{}
	eachPair(t, d, func(t *testing.T, given values) {
		t.Helper()
		c := create(t, d, given)
		for _, reference := range c.missing {
			t.Error(reference + ", which is not created")
		}
		for name := range d.Conditions {
			if was[name] == nil {
				was[name] = map[bool]bool{}
			}
			was[name][c.exists(name)] = true
		}
	})
	for name, seen := range was {
		if len(seen) != 2 && strings.Contains(text(d.Conditions[name]), "{") { // a comparison of two texts never changes
			t.Errorf("the condition %s was only ever %v", name, seen)
		}
	}
}
