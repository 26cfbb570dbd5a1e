"""Operations and jobs as database rows: start, describe, lease, cancel and retry them, and notify the workers."""
