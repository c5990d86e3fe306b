package options

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
)

// field is one option: a field of Options with what its tags say of it.
//
//	flag   its name on the command line; the environment has it as PODPROOF_NAME
//	env    one more environment variable, which PODPROOF_NAME beats
//	usage  what it means
//	value  what --help calls its value
//	group  the heading in --help, one of Groups
//	takes  what its values are: the words themselves with commas between, or claims or
//	       versions; any other value completes as a file
//	job    "yes" where it has a meaning for podproof in a pod (podproof job, sonobuoy)
//	make   "no" where a variable of that name, such as NAME, is not meant for us
type field struct {
	Flag
	env   string
	index int
}

// Flag is what the command line has to know of an option.
type Flag struct {
	Name, Usage, Group string
	// Value is what --help calls its value; a switch has none.
	Value string
	// Default is its value in Defaults, "" where that is the zero value.
	Default string
	// Takes is what the values are: "claims", "versions", or the words themselves.
	Takes []string
	// Switch says that it needs no value.
	Switch bool
	// InJob says that it has a meaning for podproof in a pod.
	InJob bool
	// FromMake says that a variable of make of that name sets it.
	FromMake bool
}

// Variable is the environment variable of a flag: PODPROOF_NODE_IMAGE of node-image.
func Variable(flag string) string { return "PODPROOF_" + MakeVariable(flag) }

// MakeVariable is the variable of make of a flag: NODE_IMAGE of node-image.
func MakeVariable(flag string) string {
	return strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// fields are all options, in the order of Options.
var fields = readFields()

func readFields() (all []field) {
	options, defaults := reflect.TypeFor[Options](), reflect.ValueOf(Defaults())
	for i := range options.NumField() {
		f, otherwise := options.Field(i), ""
		if value := defaults.Field(i); !value.IsZero() {
			otherwise = fmt.Sprint(value)
		}
		var takes []string
		if words := f.Tag.Get("takes"); words != "" {
			takes = strings.Split(words, ",")
		}
		all = append(all, field{
			Flag: Flag{
				Name: f.Tag.Get("flag"), Usage: f.Tag.Get("usage"), Group: f.Tag.Get("group"), Value: f.Tag.Get("value"), Default: otherwise, Takes: takes,
				Switch: f.Type.Kind() == reflect.Bool, InJob: f.Tag.Get("job") == "yes", FromMake: f.Tag.Get("make") != "no",
			},
			env: f.Tag.Get("env"), index: i,
		})
	}
	return all
}

// Flags are all options as the command line has them, in the order of Options.
func Flags() (all []Flag) {
	for _, f := range fields {
		all = append(all, f.Flag)
	}
	return all
}

// Value is an option as a flag gives it.
type Value struct{ Flag, Text string }

// Check tells what is wrong with a value.
func (v Value) Check() error {
	o := Defaults()
	return v.set(&o)
}

func (v Value) set(o *Options) error {
	for _, f := range fields {
		if f.Name == v.Flag {
			return f.set(o, v.Text)
		}
	}
	return fmt.Errorf("podproof has no option %s", v.Flag)
}

// set reads the text into the field of o.
func (f field) set(o *Options, text string) error {
	at := reflect.ValueOf(o).Elem().Field(f.index)
	switch value := at.Addr().Interface().(type) {
	case *string:
		*value = text
	case *bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return errors.New("neither 1 nor 0")
		}
		*value = b
	case *int, *int64:
		n, err := strconv.ParseInt(text, 10, at.Type().Bits())
		if err != nil {
			return errors.New("not a whole number")
		}
		at.SetInt(n)
	case *[]string:
		*value = List(text)
		if len(*value) == 0 {
			return errors.New("names nothing")
		}
	case *map[string]string:
		selector, err := labels.ConvertSelectorToLabelsMap(text)
		if err != nil {
			return fmt.Errorf("%w; write KEY=VALUE, separated by commas", err)
		}
		*value = selector
	default:
		panic(fmt.Sprintf("option %s has a type that no text is read into: %s", f.Name, at.Type()))
	}
	return nil
}

// List reads words that are separated by commas or spaces.
func List(v string) []string {
	return strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' })
}
