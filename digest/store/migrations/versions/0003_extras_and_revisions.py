"""extras and revisions."""

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('issue', sa.Column('extra', sa.String(), nullable=True))
    op.add_column('issue', sa.Column('revision', sa.Integer(), server_default='1', nullable=False))
    op.create_index('ix_issue_newsletter_issue_extra', 'issue', ['newsletter', 'extra'], unique=True)


def downgrade() -> None:
    op.drop_index('ix_issue_newsletter_issue_extra', table_name='issue')
    op.drop_column('issue', 'revision')
    op.drop_column('issue', 'extra')
