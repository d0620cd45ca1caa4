package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite" // the driver

	"github.com/newswatch/newswatch/cmd/internal/searchbench"
	"github.com/newswatch/newswatch/index/query"
	"github.com/newswatch/newswatch/pipeline"
)

// sqlite is FTS5 beside a table of the articles, whose row numbers are in the
// order of publication, so that newest first costs no sorting.
type sqlite struct {
	dir string
	db  *sql.DB
}

const schema = `
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE article (row INTEGER PRIMARY KEY, id TEXT, url TEXT, title TEXT, body TEXT, source TEXT, lang TEXT,
	country TEXT, tag TEXT, story TEXT, published INTEGER);
CREATE INDEX article_published ON article (published);
CREATE TABLE entity (entity TEXT, row INTEGER, PRIMARY KEY (entity, row)) WITHOUT ROWID;
CREATE TABLE entity_of (row INTEGER, entity TEXT, PRIMARY KEY (row, entity)) WITHOUT ROWID;
CREATE VIRTUAL TABLE words USING fts5(title, body, content='article', content_rowid='row', tokenize='unicode61');`

func openSQLite(dir string) (searchbench.Engine, func() error, error) {
	db, err := sql.Open("sqlite", filepath.Join(dir, "articles.db"))
	if err != nil {
		return nil, nil, err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(context.Background(), schema); err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return &sqlite{dir, db}, db.Close, nil
}

func (s *sqlite) Bytes() int64 {
	if _, err := s.db.ExecContext(context.Background(), "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		log.Print(err) // the log then counts as well
	}
	return size(s.dir)
}

func (s *sqlite) Write(ctx context.Context, batch []pipeline.Stored[pipeline.Article], done func(error)) {
	done(s.write(ctx, batch))
}

func (s *sqlite) write(ctx context.Context, batch []pipeline.Stored[pipeline.Article]) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, st := range batch {
		a := st.Value
		if _, err := tx.ExecContext(ctx, `INSERT INTO article VALUES (?,?,?,?,?,?,?,?,?,?,?)`, st.Seq, a.ID, a.URL, a.Title, a.Text,
			a.Source, a.Lang, a.Country, strings.Join(a.Tags, " "), a.Story, a.Published.Unix()); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO words (rowid, title, body) VALUES (?,?,?)`, st.Seq, a.Title, a.Text); err != nil {
			return err
		}
		for _, e := range entitiesOf(a) {
			for _, table := range []string{"entity (entity, row)", "entity_of (entity, row)"} {
				if _, err := tx.ExecContext(ctx, `INSERT INTO `+table+` VALUES (?,?)`, e, st.Seq); err != nil {
					return err
				}
			}
		}
	}
	return tx.Commit()
}

// facetSQL is what a facet counts, of the rows found.
var facetSQL = map[string]string{
	"source":  `SELECT source, count(*) FROM article WHERE row IN (%s) GROUP BY 1 ORDER BY 2 DESC LIMIT 50`,
	"lang":    `SELECT lang, count(*) FROM article WHERE row IN (%s) GROUP BY 1 ORDER BY 2 DESC LIMIT 50`,
	"country": `SELECT country, count(*) FROM article WHERE row IN (%s) GROUP BY 1 ORDER BY 2 DESC LIMIT 50`,
	"entity":  `SELECT entity, count(*) FROM entity_of WHERE row IN (%s) GROUP BY 1 ORDER BY 2 DESC LIMIT 50`,
	"day":     `SELECT published / 86400, count(*) FROM article WHERE row IN (%s) GROUP BY 1`,
}

func (s *sqlite) Search(ctx context.Context, req pipeline.SearchRequest) (pipeline.SearchResult, error) {
	var res pipeline.SearchResult
	rows, args, match, err := rowsSQL(req)
	if err != nil {
		return res, err
	}
	page := `SELECT a.id, a.title, a.body FROM article a WHERE a.row IN (` + rows + `) ORDER BY a.row DESC LIMIT 20`
	if match { // FTS5 walks its rows backwards by itself
		page = `SELECT a.id, a.title, a.body FROM (` + rows + ` ORDER BY rowid DESC LIMIT 20) w JOIN article a ON a.row = w.rowid`
		if req.Sort == pipeline.SortRelevance {
			page = `SELECT a.id, a.title, a.body FROM (` + rows + ` ORDER BY rank LIMIT 20) w JOIN article a ON a.row = w.rowid`
		}
	}
	err = s.each(ctx, page, args, func(r *sql.Rows) error {
		var h pipeline.Hit
		err := r.Scan(&h.ID, &h.Title, &h.Snippet)
		res.Hits = append(res.Hits, h)
		return err
	})
	if err != nil {
		return res, err
	}
	if err := s.db.QueryRowContext(ctx, `SELECT count(*) FROM (`+rows+`)`, args...).Scan(&res.Total); err != nil {
		return res, err
	}
	facets := req.Facets
	if req.Timeline {
		facets = append(facets[:len(facets):len(facets)], "day")
	}
	for _, f := range facets {
		err := s.each(ctx, fmt.Sprintf(facetSQL[f], rows), args, func(r *sql.Rows) error {
			var value string
			var n int
			return r.Scan(&value, &n)
		})
		if err != nil {
			return res, err
		}
	}
	res.TotalExact = true
	return res, nil
}

func (s *sqlite) each(ctx context.Context, q string, args []any, fn func(*sql.Rows) error) error {
	rows, err := s.db.QueryContext(ctx, q, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := fn(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// rowsSQL selects the rows that a request finds; match: by words alone.
func rowsSQL(req pipeline.SearchRequest) (rows string, args []any, match bool, err error) {
	from, to := req.From.Unix(), req.To.Unix()
	if req.Query == "" {
		return `SELECT row FROM article WHERE published >= ? AND published < ?`, []any{from, to}, false, nil
	}
	parsed, err := query.Parse(req.Query, searchbench.Now)
	if err != nil {
		return "", nil, false, err
	}
	switch n := parsed.Root.(type) {
	case *query.All:
		return `SELECT row FROM article`, nil, false, nil
	case *query.Keyword:
		if req.From.IsZero() {
			return `SELECT row FROM entity WHERE entity = ?`, []any{n.Value}, false, nil
		}
		return `SELECT e.row FROM entity e JOIN article a ON a.row = e.row WHERE e.entity = ? AND a.published >= ? AND a.published < ?`,
			[]any{n.Value, from, to}, false, nil
	}
	m, err := matchOf(parsed.Root)
	return `SELECT rowid FROM words WHERE words MATCH ?`, []any{m}, true, err
}

// matchOf is a query as FTS5 writes it.
func matchOf(n query.Node) (string, error) {
	join := func(nodes []query.Node, sep string) (string, error) {
		var parts []string
		for _, m := range nodes {
			s, err := matchOf(m)
			if err != nil {
				return "", err
			}
			parts = append(parts, s)
		}
		return "(" + strings.Join(parts, sep) + ")", nil
	}
	switch n := n.(type) {
	case *query.Term:
		return quote(n.Text), nil
	case *query.Phrase:
		return quote(n.Text), nil
	case *query.Prefix:
		return quote(n.Text) + "*", nil
	case *query.Near:
		s, err := join(n.Parts, " ")
		return fmt.Sprintf("NEAR(%s, %d)", strings.Trim(s, "()"), n.N), err
	case *query.Or:
		return join(n.Nodes, " OR ")
	case *query.And:
		if not, ok := n.Nodes[len(n.Nodes)-1].(*query.Not); ok && len(n.Nodes) == 2 {
			return join([]query.Node{n.Nodes[0], not.Node}, " NOT ")
		}
		return join(n.Nodes, " AND ")
	default: // *query.Exact
		return "", searchbench.ErrCannot
	}
}

func quote(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
