"""Operations and jobs as rows: begin, describe, lease, cancel, retry, and tell the workers."""
